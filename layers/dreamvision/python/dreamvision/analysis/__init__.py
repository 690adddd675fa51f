"""Dream analysis with Claude: client, prompts, validation of the output and errors."""
