"""The commands of a shell script or of a document, as far as the documents of this repository use the language.

Understood: quotes, ``$(...)``, pipes and lists, redirections, comments, assignments, loops and functions. The commands
inside ``$(...)`` are commands of their own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUBSTITUTED = "$()"
"""Stands for the output of a command in the words of another."""
PLACEHOLDER = "PLACEHOLDER"
"""Stands for what a reader has to fill in: ``<arn>``."""

_KEYWORDS = {"do", "then", "else", "if", "while", "{", "}", "done", "fi", "!"}
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SHELLS = ("console", "bash", "sh")
_NEEDS_PAGE = re.compile(r"<!-- this page needs: (.+?) -->")
_NEEDS_BLOCK = re.compile(r"<!-- needs: (.+?) -->\s*\Z")


@dataclass(frozen=True)
class Documented:
    """One command of a document, and what the document says it needs."""

    page: str
    words: tuple[str, ...]
    needs: str

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass
class _Scanner:
    """Splits a text into simple commands: lists of words."""

    text: str
    position: int = 0
    word: str | None = None
    words: list[str] = field(default_factory=list)
    found: list[list[str]] = field(default_factory=list)

    def scan(self) -> list[list[str]]:
        while self.position < len(self.text):
            self._step(self.text[self.position])
        self._end_command()
        return self.found

    def _step(self, character: str) -> None:
        self.position += 1
        if character == "'":
            self._add(self._until("'"))
        elif character == '"':
            self._double_quoted()
        elif character == "$" and self.text.startswith("(", self.position):
            self._substitution()
        elif character == "#" and self.word is None:
            self._until("\n")
            self._end_command()
        elif character in ";|&\n":
            self._end_command()
        elif character in "()":
            self._end_function_name(character)
        elif character in "<>":
            self._redirection()
        elif character.isspace():
            self._end_word()
        else:
            self._add(character)

    def _double_quoted(self) -> None:
        self._add("")
        while (character := self.text[self.position]) != '"':
            self.position += 1
            if character == "$" and self.text.startswith("(", self.position):
                self._substitution()
            elif character == "\\":
                self._add(self.text[self.position])
                self.position += 1
            else:
                self._add(character)
        self.position += 1

    def _substitution(self) -> None:
        """Scan ``$(...)``, whose commands come before the one that uses their output."""
        start, depth = self.position + 1, 0
        quote = ""
        while self.position < len(self.text):
            character = self.text[self.position]
            self.position += 1
            if quote:
                quote = "" if character == quote else quote
            elif character == "'":
                quote = character
            elif character in "()":
                depth += 1 if character == "(" else -1
                if depth == 0:
                    break
        self.found += _Scanner(self.text[start : self.position - 1]).scan()
        self._add(SUBSTITUTED)

    def _redirection(self) -> None:
        # A digit before it is the number of a stream.
        if self.word is not None and not self.word.isdigit():
            self._end_word()
        self.word = None
        rest = re.compile(r"[<>&]*\s*[^\s;|&]+").match(self.text, self.position)
        self.position = rest.end() if rest else self.position

    def _end_function_name(self, character: str) -> None:
        """A function's name and its parentheses are no command; other parentheses only group."""
        if character == "(" and self.text.startswith(")", self.position):
            self.word = None
        self._end_command()

    def _until(self, end: str) -> str:
        stop = self.text.find(end, self.position)
        stop = len(self.text) if stop < 0 else stop
        taken = self.text[self.position : stop]
        self.position = stop + 1
        return taken

    def _add(self, text: str) -> None:
        self.word = (self.word or "") + text

    def _end_word(self) -> None:
        if self.word is not None:
            self.words.append(self.word)
        self.word = None

    def _end_command(self) -> None:
        self._end_word()
        words = self.words
        self.words = []
        while words and (words[0] in _KEYWORDS or re.match(r"\w+=", words[0])):
            words = words[1:]
        if words and words[0] != "for":
            self.found.append(words)


def commands_of(script: str) -> list[list[str]]:
    """Return the simple commands of a script, each as its words."""
    joined = re.sub(r"\\\n\s*", "", script)
    return _Scanner(re.sub(r"<[A-Za-z][\w .-]*>", PLACEHOLDER, joined)).scan()


def documented(page: Path) -> Iterator[Documented]:
    """Yield the commands in a page's shell blocks."""
    text = page.read_text()
    of_page = _NEEDS_PAGE.search(text)
    for block in _FENCE.finditer(text):
        if block[2] not in _SHELLS:
            continue
        of_block = _NEEDS_BLOCK.search(text[: block.start()]) or of_page
        for words in commands_of(_script(block[2], block[3])):
            yield Documented(page.name, tuple(words), of_block[1] if of_block else "")


def inline(page: Path, names: tuple[str, ...]) -> Iterator[Documented]:
    """Yield the commands in a page's running text that begin with one of ``names`` and have a further word."""
    text = _FENCE.sub("", page.read_text())
    of_page = _NEEDS_PAGE.search(text)
    for code in re.findall(r"`([^`]+)`", text):
        flat = " ".join(code.split())
        if re.match(rf"(\w+=\S+ )*({'|'.join(map(re.escape, names))}) [\w-]", flat):
            for words in commands_of(flat):
                yield Documented(page.name, tuple(words), of_page[1] if of_page else "")


def _script(language: str, block: str) -> str:
    """Return the commands of a block, without the prompts and the output of a console."""
    if language != "console":
        return block
    joined = re.sub(r"\\\n\s*", " ", block)
    lines = [line.strip() for line in joined.splitlines()]
    return "\n".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))
