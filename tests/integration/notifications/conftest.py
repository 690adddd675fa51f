"""Fixtures of notifications."""

from tests.integration.notifications.fixtures import backend, expo  # noqa: F401 - fixtures
