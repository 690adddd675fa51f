"""The API contract: request and response models and their enums."""
