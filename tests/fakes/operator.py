"""What the tests ask as an operator, however the function is invoked."""

from abc import ABC, abstractmethod
from typing import Any


class Operator(ABC):
    """Gives commands to the operations function."""

    @abstractmethod
    def ask(self, command: str, **fields: object) -> dict[str, Any]:
        """Return the answer to a command."""

    def result(self, command: str, **fields: object) -> dict[str, Any]:
        """Return the result of a command that is carried out."""
        answer = self.ask(command, **fields)
        assert answer["ok"], answer
        found: dict[str, Any] = answer["result"]
        return found

    def refusal(self, command: str, **fields: object) -> str:
        """Return the error of a command that is refused."""
        answer = self.ask(command, **fields)
        assert not answer["ok"], answer
        return str(answer["refusal"]["error"])
