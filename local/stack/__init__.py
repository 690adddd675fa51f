"""Start, supervise and stop the local stack's processes."""
