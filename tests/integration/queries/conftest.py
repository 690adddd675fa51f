"""The fixtures of the queries' tests."""

from tests.integration.dreams.fixtures import backend  # noqa: F401 - fixtures
