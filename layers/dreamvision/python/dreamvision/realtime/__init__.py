"""Live updates over WebSocket connections."""
