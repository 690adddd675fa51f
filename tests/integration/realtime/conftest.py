"""The fixtures of the live updates' tests."""

from tests.integration.realtime.fixtures import backend  # noqa: F401 - fixtures
