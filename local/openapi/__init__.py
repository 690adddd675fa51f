"""The OpenAPI document and docs/API.md, made from the functions' own routes and the template."""
