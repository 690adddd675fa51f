"""What no log may ever hold: everything personal that the tests have sent or were given, and what looks like it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import httpx

# By the names under which they travel.
_KINDS = {
    "dream_text": "dream",
    "video_prompt": "prompt",
    "email": "e-mail address",
    "password": "password",
    "current_password": "password",
    "new_password": "password",
    "access_token": "token",
    "refresh_token": "token",
}
# Shorter texts turn up by chance; a dream that is let in has ten characters at least.
_SHORTEST = 8
# And so do those of one character over and over.
_FEWEST_CHARACTERS = 5
# A log that cuts long texts off still has their beginning.
_BEGINNING = 40

_PATTERNS = {
    "something like a token": re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}"),
    "something like an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.(?:[\w-]+\.)*[a-zA-Z]{2,}"),
    "something like a provider's key": re.compile(r"\bsk-ant-[\w-]{8,}|\bkey_[0-9a-f]{32,}"),
}


class Leak(NamedTuple):
    """Where something was found. ``line`` is the whole line."""

    kind: str
    line: str


class SecretsRecorder:
    """Records the secrets and personal texts that pass through its clients of the API, with the kind of each."""

    def __init__(self, secrets: dict[str, str] | None = None) -> None:
        self.secrets: dict[str, str] = {} if secrets is None else secrets

    def add(self, kind: str, text: str) -> None:
        """One more text that no log may hold."""
        beginning = text.strip()[:_BEGINNING]
        if len(beginning) < _SHORTEST or len(set(beginning)) < _FEWEST_CHARACTERS:
            return
        # A line of JSON writes some characters in another way.
        for form in (beginning, json.dumps(beginning)[1:-1], json.dumps(beginning, ensure_ascii=False)[1:-1]):
            self.secrets[form] = kind

    def client(self, **options: Any) -> httpx.Client:
        """A client that tells what it sends and gets."""
        return httpx.Client(event_hooks={"request": [self._on_request], "response": [self._on_response]}, **options)

    def leaks(self, lines: Iterable[str]) -> Iterator[Leak]:
        """Every line that holds a secret, or something that looks like one."""
        by_start = defaultdict(list)
        for secret in self.secrets:
            by_start[secret[:_SHORTEST]].append(secret)
        for line in lines:
            # Thousands of secrets times tens of thousands of lines would take minutes; almost no line has a start.
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
            return  # bad input is among what the tests send
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
