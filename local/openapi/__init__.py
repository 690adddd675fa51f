"""Generate the OpenAPI document and docs/API.md from the functions' routes and the template."""
