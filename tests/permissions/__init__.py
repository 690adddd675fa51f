"""The permissions of every role, compared with the AWS calls that the tests have recorded."""
