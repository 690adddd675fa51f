"""The packages that a deploy uploads, built for both architectures."""
