"""Render the sandbox's videos: one animation per category, drawn with NumPy and encoded as H.264."""
