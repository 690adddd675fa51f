"""HTTP and WebSocket support shared by the API functions: routing, authentication and problem responses."""
