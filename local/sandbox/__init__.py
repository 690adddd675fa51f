"""Stand-ins for Claude and Runway that speak the vendors' wire protocols on the loopback interface.

They are what the local stack talks to when no provider keys are in the environment. Nothing in ``functions/`` or
``layers/`` knows them: only a base URL and a key differ. `magic.py` lists the words that make them fail on purpose.
"""

CLAUDE_KEY = "sk-ant-sandbox"
"""The only API key that the Claude sandbox accepts."""

RUNWAY_KEY = "key_sandbox"
"""The only API key that the Runway sandbox accepts."""
