"""Secrets and personal data: how they are held, and how they are shown.

A password, the secret half of a token, a phone number and a text never reach a
log, a URL, a repr or a traceback. Everything that might print one goes through
this room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn, final

from sms_traffic_async.errors import ConfigurationError

__all__ = ("ForeignError", "Secret", "check_before_init", "foreign_cause", "mask_phone", "mask_text", "redact")

_MASK = "********"


@final
class Secret:
    """A string that does not print itself.

    ``str()``, ``repr()`` and formatting give a mask; ``reveal()`` gives the
    value. Pickling is refused: a masked pickle would log in wrongly, an
    unmasked one would put the password into a file or a queue.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | Secret) -> None:
        kind: type[object] = type(value)
        self._value: str = value.reveal() if isinstance(value, Secret) else value
        del value  # a traceback printed with locals shows this frame
        if not issubclass(kind, str | Secret):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise TypeError(f"a secret is a string, not {kind.__name__}")

    def reveal(self) -> str:
        """The value itself. Call it only where the bytes are written."""
        return self._value

    def __str__(self) -> str:
        return _MASK

    def __repr__(self) -> str:
        return f"Secret({_MASK!r})"

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: hand the credential's name over, not its value")


def check_before_init(kind: Any, problem_of: Callable[[Mapping[str, Any]], str]) -> None:
    """Have a dataclass refuse options before the frame of its generated ``__init__`` holds them.

    A traceback printed with locals shows that frame, and what is refused may be a password in plain text.

    Args:
        kind: a dataclass whose fields are given by name only.
        problem_of: what is wrong with the options, quoting nothing of them; empty if nothing is.
    """
    made: Callable[..., None] = kind.__init__

    @wraps(made)
    def init(self: object, **options: Any) -> None:
        problem = problem_of(options)
        if problem:
            options.clear()
            del self  # half made: it cannot be printed
            raise ConfigurationError(problem)
        made(self, **options)

    kind.__init__ = init


# The patterns here are compiled when they are first used: this room is part of every import.

# What a phone number may be written with. Anything else is told by its length alone: it may be a text, or a
# password, that came as the wrong argument, and its ends would show.
_PHONE_LIKE = "[+\\d ().\\[\\]\u00a0\u202f\u2009\u2010-\u2015\u2212-]+"
_SHORTEST_SHOWN, _LONGEST_SHOWN = 8, 20
_LONGEST_INT = 10**40  # str() of a huge int is slow, and refused past 4300 digits


def mask_phone(value: object) -> str:
    """A phone number for logs and errors: the first four and last two digits.

    ``79161112233`` becomes ``7916*****33``. Anything shorter than eight
    characters is masked whole; what cannot be a number is told by its length.
    """
    if isinstance(value, int) and -_LONGEST_INT < value < _LONGEST_INT:
        value = str(int(value))
    if not isinstance(value, str):
        return mask_text(value)
    if len(value) < _SHORTEST_SHOWN:
        return "*" * len(value)
    if not re.fullmatch(_PHONE_LIKE, value):
        return mask_text(value)
    shown = value if len(value) <= _LONGEST_SHOWN else value[:4] + "…" + value[-2:]
    return shown[:4] + "*" * (len(shown) - 6) + shown[-2:]


def mask_text(value: object) -> str:
    """A message text for logs and errors: only its length, or its type if it is no string."""
    return f"<{len(value)} characters>" if isinstance(value, str) else f"<{type(value).__name__}>"


_REDACTED_MAX = 200
_READ_MAX = 4_000
# From the first quote to the last one: what is quoted may hold quotes. An unpaired one hides the rest.
_QUOTED = r"""["«»“”„`].*["«»“”„`]|["«»“”„`].*|(?<![^\W\db])['‘’].*['‘’](?!\w)|(?<![^\W\db])['‘’].*"""
_TWO_HALVES = r"([^\s/]{1,100}/)\S{12,}"
_NUMBER = r"\+?\d(?:[\s().\-]*\d){6,}"


def redact(sentence: str) -> str:
    """Somebody else's sentence without what it may quote: texts, numbers, names, tokens.

    Quoted text becomes "…", seven digits or more are masked, the secret half of
    a token (and the path of a URL) is cut, white space and control characters
    are collapsed; at most 200 characters are kept.
    """
    text = " ".join("".join(char if char.isprintable() else " " for char in sentence[:_READ_MAX]).split())
    text = re.sub(_QUOTED, '"…"', text)
    text = re.sub(_TWO_HALVES, r"\1…", text)
    text = re.sub(_NUMBER, lambda found: mask_phone(found.group()), text)
    return text if len(text) <= _REDACTED_MAX else text[: _REDACTED_MAX - 1] + "…"


class ForeignError(Exception):
    """What is kept of an error of another library: its type and a safe sentence.

    The original would keep the request, and with it the password and the text,
    alive in every traceback printed with locals.
    """


def foreign_cause(error: BaseException) -> ForeignError:
    """Reduce an error of another library to its type name and what is safe of its first line.

    The result carries no traceback, no request and no response, and its text
    went through ``redact``, so it is safe as ``__cause__``.
    """
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    detail = redact(str(error).partition("\n")[0])
    return ForeignError(f"{name}: {detail}" if detail else name)
