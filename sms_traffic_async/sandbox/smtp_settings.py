"""An account's settings of sending by e-mail, as the customer sets them in the cabinet (document, SMTP)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ("EmailSettings",)


@dataclass(slots=True, kw_only=True)
class EmailSettings:
    """What the first variant of sending by e-mail goes by.

    Attributes:
        allowed: it is off for new accounts.
        transliterate: Cyrillic becomes Latin, the default; else UCS-2.
        received_from: hosts one of which a letter's Received headers must name; empty for any.
        numbers: the only numbers that may be sent to; empty for any.
    """

    allowed: bool = False
    transliterate: bool = True
    received_from: set[str] = field(default_factory=set[str])
    numbers: set[str] = field(default_factory=set[str])
