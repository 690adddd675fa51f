"""What every DreamVision function shares: models, tables, providers, media, identity. Knows nothing of HTTP."""
