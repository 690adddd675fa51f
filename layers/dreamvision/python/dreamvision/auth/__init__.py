"""Tokens, sessions, accounts and the Cognito user pool."""
