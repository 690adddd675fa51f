"""The fixtures of the limits' tests."""

from tests.integration.limits.fixtures import analyze, analyzer, backend, clock, idempotency, video_api  # noqa: F401 - fixtures
