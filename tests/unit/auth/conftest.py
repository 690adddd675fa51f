"""The fixtures of the user pool's tests."""

from tests.unit.auth.fixtures import clock, cognito, pool  # noqa: F401 - fixtures
