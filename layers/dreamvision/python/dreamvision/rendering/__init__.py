"""The video renderer: its port, its errors and the Runway client."""
