"""Start the processes of Lambda functions by forks of processes that have imported the code already."""
