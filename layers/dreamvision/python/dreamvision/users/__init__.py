"""User profiles, usernames and monthly statistics."""
