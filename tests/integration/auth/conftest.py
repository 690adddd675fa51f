"""The fixtures of the accounts' tests."""

from tests.integration.auth.fixtures import auth, backend, created_tables, tables  # noqa: F401 - fixtures
