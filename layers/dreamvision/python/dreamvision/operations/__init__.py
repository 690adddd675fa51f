"""Commands of operators: users, videos and spending, without the console."""
