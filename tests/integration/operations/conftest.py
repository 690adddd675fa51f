"""The fixtures of the operations' tests."""

from tests.integration.dreams.fixtures import backend  # noqa: F401 - a fixture
from tests.integration.erasure.fixtures import erasure  # noqa: F401 - a fixture
from tests.integration.operations.fixtures import operators  # noqa: F401 - a fixture
