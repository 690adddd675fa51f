"""A record of the secrets and personal texts that tests send and receive, and a search for them in logs."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import httpx

# By the names of their JSON fields.
_KINDS = {
    "dream_text": "dream",
    "video_prompt": "prompt",
    "email": "e-mail address",
    "password": "password",
    "current_password": "password",
    "new_password": "password",
    "access_token": "token",
    "refresh_token": "token",
    "push_token": "push token",
}
# Shorter texts occur by chance; a valid dream has at least ten characters.
_SHORTEST = 8
# So do texts that repeat few characters.
_FEWEST_CHARACTERS = 5
# A log that truncates long texts still has their beginning.
_BEGINNING = 40

_PATTERNS = {
    "something like a token": re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}"),
    "something like an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.(?:[\w-]+\.)*[a-zA-Z]{2,}"),
    "something like a provider's key": re.compile(r"\bsk-ant-[\w-]{8,}|\bkey_[0-9a-f]{32,}"),
}


class Leak(NamedTuple):
    """A leak. ``line`` is the whole line."""

    kind: str
    line: str


class SecretsRecorder:
    """Records the secrets and personal texts that pass through its clients of the API, with the kind of each."""

    def __init__(self, secrets: dict[str, str] | None = None) -> None:
        self.secrets: dict[str, str] = {} if secrets is None else secrets

    def add(self, kind: str, text: str) -> None:
        """Record a text that no log may hold."""
        beginning = text.strip()[:_BEGINNING]
        if len(beginning) < _SHORTEST or len(set(beginning)) < _FEWEST_CHARACTERS:
            return
        # JSON escapes some characters.
        for form in (beginning, json.dumps(beginning)[1:-1], json.dumps(beginning, ensure_ascii=False)[1:-1]):
            self.secrets[form] = kind

    def client(self, **options: Any) -> httpx.Client:
        """Return a client whose requests and responses are recorded."""
        return httpx.Client(event_hooks={"request": [self._on_request], "response": [self._on_response]}, **options)

    def leaks(self, lines: Iterable[str]) -> Iterator[Leak]:
        """Yield every line that holds a secret or a text that looks like one."""
        by_start = defaultdict(list)
        for secret in self.secrets:
            by_start[secret[:_SHORTEST]].append(secret)
        for line in lines:
            # Comparing thousands of secrets with tens of thousands of lines takes minutes; few lines have a start.
            starts = by_start.keys() & {line[at : at + _SHORTEST] for at in range(len(line))}
            found = (secret for start in starts for secret in by_start[start] if secret in line)
            yield from (Leak(self.secrets[secret], line) for secret in found)
            yield from (Leak(kind, line) for kind, pattern in _PATTERNS.items() if pattern.search(line))

    def _on_request(self, request: httpx.Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            self.add("token", token.rpartition(".")[2])
        self._look_into(request.read())

    def _on_response(self, response: httpx.Response) -> None:
        self._look_into(response.read())

    def _look_into(self, content: bytes) -> None:
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            return  # tests send malformed input as well
        self._walk(found)

    def _walk(self, value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                self._walk(each)
        elif isinstance(value, dict):
            for name, each in value.items():
                if name in _KINDS and isinstance(each, str):
                    self.add(_KINDS[name], each)
                else:
                    self._walk(each)
