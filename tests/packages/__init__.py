"""What a deploy uploads: packages for both architectures, what is in a snapshot, the templates, and the page."""
