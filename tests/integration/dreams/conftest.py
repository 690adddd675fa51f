"""The fixtures of the dreams' tests."""

from tests.integration.dreams.fixtures import backend  # noqa: F401 - a fixture
