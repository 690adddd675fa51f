"""Media files: storage, links, downloads, video inspection and image re-encoding."""
