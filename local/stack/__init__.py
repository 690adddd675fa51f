"""The commands of the local stack and the processes that they supervise."""
