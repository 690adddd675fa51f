"""The HTTP face that all API functions share: routing, identity of the caller, problem+json."""
