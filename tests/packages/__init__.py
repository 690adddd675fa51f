"""What a deploy uploads: the packages of functions and layers for both architectures, the templates, and the page."""
