"""What a full run must keep to itself, in every spelling that it could be written in."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import quote_plus

__all__ = ("Found", "Marks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A mark, and some of what stands around it."""

    place: str
    mark: str
    around: str


def _spellings(word: str) -> set[str]:
    raw = {word.encode(), word.encode("cp1251", "ignore"), word.encode("utf-16-be")}
    return {
        word,
        quote_plus(word),
        quote_plus(word, encoding="cp1251", errors="ignore"),
        repr(word)[1:-1],
        ascii(word)[1:-1],
        *(repr(one)[2:-1] for one in raw),
        *(one.hex() for one in raw),
        # Without the last group, which depends on what follows.
        *(base64.b64encode(one).decode().rstrip("=")[:-2] for one in raw),
    }


class Marks:
    """Looks for words.

    Args:
        words: by what they are.
    """

    def __init__(self, **words: str) -> None:
        self._spelled = {name: _spellings(word) for name, word in words.items()}
        every = sorted({one for some in self._spelled.values() for one in some if len(one) > 5}, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, every)))

    def of(self, place: str, text: str) -> list[Found]:
        """What of them stands in a text."""
        return [
            Found(place=place, mark=self._name(hit.group()), around=text[max(0, hit.start() - 60) : hit.end() + 30])
            for hit in self._any.finditer(text)
        ]

    def _name(self, spelling: str) -> str:
        return next(name for name, some in self._spelled.items() if spelling in some)
