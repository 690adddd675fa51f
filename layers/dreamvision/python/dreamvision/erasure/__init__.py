"""Deletion of dreams and accounts, and the purge that follows."""
