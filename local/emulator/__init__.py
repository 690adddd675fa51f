"""The AWS emulator: building, deploying, and the gateways that bridge what it lacks."""
