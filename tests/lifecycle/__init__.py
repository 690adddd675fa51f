"""Start, interruption and restart of the local stack, each on a stack of its own."""
