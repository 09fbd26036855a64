"""What of a message each protocol can carry: the one table.

Every protocol refuses by it before any I/O, the choice of a protocol goes by
it, and the documentation prints it. What depends on a value, and not on an
option being there (a Cyrillic sender over SMPP, a text that is too long), is
said by the protocol itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.secrets import mask_text

__all__ = ("CARRIED", "NAMES", "Carrier", "capability_table", "carriers_of", "uncarried")

Carrier: TypeAlias = Literal["v2", "v1", "soap", "smpp", "smtp", "smtp1"]
"""A protocol; ``smtp`` is variant 2 of e-mail and ``smtp1`` variant 1."""

NAMES: Final[Mapping[Carrier, str]] = MappingProxyType(
    {
        "v2": "HTTP v2",
        "v1": "HTTP v1",
        "soap": "SOAP",
        "smpp": "SMPP",
        "smtp": "e-mail",
        "smtp1": "variant 1 of e-mail",
    }
)
"""What each is called in sentences, in the order in which they are named."""

_ALL: Final = frozenset(NAMES)
_V2: Final = frozenset[Carrier]({"v2"})
_VARIANT_1: Final = frozenset[Carrier]({"smtp1"})
_SMPP: Final = frozenset[Carrier]({"smpp"})

CARRIED: Final[Mapping[str, frozenset[Carrier]]] = MappingProxyType(
    {
        "originator": _ALL - _VARIANT_1,
        "key": _V2,
        "tracking_data": _V2,
        "params": _V2,
        "max_parts": _ALL,  # counted here; nothing longer leaves
        "truncate": _ALL - _VARIANT_1,
        "transliterate": _ALL - _VARIANT_1 - _SMPP,
        "flash": _ALL - _VARIANT_1 - _V2,
        "start_at": _ALL - _VARIANT_1 - _SMPP,
        "local_time": _V2,
        "batch_name": _V2,
        "validity": _ALL - _VARIANT_1,
        "expires_in": _ALL,  # kept here: past it nothing leaves
    }
)
"""Options of a ``Message``, and who carries them. Every field but ``to``, ``text`` and ``region`` stands here."""

_HINTS: Final[Mapping[tuple[str, Carrier], str]] = MappingProxyType(
    {("transliterate", "smpp"): ", and sms_traffic_async.text.transliterate does it here"}
)
_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {field.name: field.default for field in fields(Message) if field.default is not MISSING and field.name in CARRIED}
)
_REFUSED: Final[Mapping[Carrier, tuple[str, ...]]] = MappingProxyType(
    {carrier: tuple(name for name, carried in CARRIED.items() if carrier not in carried) for carrier in NAMES}
)


def carriers_of(option: str) -> tuple[Carrier, ...]:
    """Who carries an option, in the order of ``NAMES``. Variant 1 of e-mail is left out where variant 2 is in."""
    carried = CARRIED[option]
    return tuple(one for one in NAMES if one in carried and not (one == "smtp1" and "smtp" in carried))


def uncarried(message: Message, carrier: Carrier) -> InvalidMessage | None:
    """The first option of a message that a protocol cannot carry, as an error that names those that can."""
    for name in _REFUSED[carrier]:
        value = getattr(message, name)
        if value is None or value is _DEFAULTS[name]:
            continue
        able = [NAMES[one] for one in carriers_of(name)]
        listed = able[0] if len(able) == 1 else f"{', '.join(able[:-1])} and {able[-1]}"
        hint = _HINTS.get((name, carrier), "")
        return InvalidMessage(name, _shown(value), f"{NAMES[carrier]} cannot carry it; {listed} can{hint}")
    return None


def _shown(value: object) -> str:
    if isinstance(value, bool | int):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else mask_text(value)


def capability_table() -> str:
    """The table as Markdown, for the documentation."""
    columns: tuple[Carrier, ...] = tuple(NAMES)
    lines = [
        f"| option | {' | '.join(NAMES[one] for one in columns)} |",
        f"|---|{'---|' * len(columns)}",
        *(
            f"| `{option}` | {' | '.join('yes' if one in carried else 'no' for one in columns)} |"
            for option, carried in CARRIED.items()
        ),
    ]
    return "\n".join(lines) + "\n"
