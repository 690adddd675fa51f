"""Simulated Claude, Runway and Expo APIs that speak the vendors' protocols on the loopback interface.

The local stack uses them when the environment holds no provider keys. ``functions/`` and ``layers/`` contain no
sandbox-specific code: only the base URLs and keys differ. ``faults.py`` lists the failures that a dream can request.
"""

CLAUDE_KEY = "sk-ant-sandbox"
"""The only API key that the Claude sandbox accepts."""

RUNWAY_KEY = "key_sandbox"
"""The only API key that the Runway sandbox accepts."""

EXPO_TOKEN = "expo_sandbox"  # noqa: S105 - for the sandbox
"""The only access token that the Expo sandbox accepts; it requires none."""
