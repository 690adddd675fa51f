"""Makes the sandbox's films: six animated looks, one per category, drawn with numpy and encoded as H.264."""
