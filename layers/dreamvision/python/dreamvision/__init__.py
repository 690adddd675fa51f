"""The domain code that the functions share, one package per domain. Knows nothing of HTTP."""
