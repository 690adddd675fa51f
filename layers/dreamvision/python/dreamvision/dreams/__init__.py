"""Dreams: storage, analysis and image uploads."""
