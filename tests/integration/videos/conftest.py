"""The fixtures of the videos' tests."""

from tests.integration.dreams.fixtures import backend  # noqa: F401 - a fixture
