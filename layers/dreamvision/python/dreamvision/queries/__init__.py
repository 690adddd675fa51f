"""Reads for the API: dreams, videos, their presentation and cursors."""
