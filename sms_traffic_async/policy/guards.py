"""Guards that refuse a message before anything leaves.

``SMS_TRAFFIC_ONLY_TO`` is the live-send guard: where it is set, only the numbers
it names get an SMS, whatever the program does. It is the one variable of the
environment that is always honoured.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from sms_traffic_async.addresses import normalise_phone
from sms_traffic_async.errors import ConfigurationError, InvalidMessage, NotSent
from sms_traffic_async.secrets import mask_phone

__all__ = ("ONLY_TO_VARIABLE", "OnlyTo")

ONLY_TO_VARIABLE = "SMS_TRAFFIC_ONLY_TO"

_BREAK = re.compile(r"[\s,;]+")
_PREFIX = re.compile(r"\+?([0-9]{1,15})\*")


class OnlyTo:
    """The numbers that may be written to.

    Args:
        entries: numbers (``79161112233``, ``+7(916)111-22-33``) and prefixes
            (``7916*``). ``None`` allows every number, an empty list none.

    Raises:
        ConfigurationError: an entry is neither; its digits are not shown. A
            guard that cannot be read guards nothing, so nothing starts with it.
    """

    __slots__ = ("_numbers", "_prefixes", "active")

    def __init__(self, entries: Iterable[str] | None) -> None:
        self.active: bool = entries is not None
        read = _read(entries or ())
        del entries  # a traceback printed with locals shows this frame
        if isinstance(read, ConfigurationError):
            raise read
        self._numbers, self._prefixes = read

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> OnlyTo:
        """Read ``SMS_TRAFFIC_ONLY_TO``: entries between commas, semicolons or white space.

        Not set: everybody may be written to. Set and empty: nobody.

        Raises:
            ConfigurationError: an entry cannot be read.
        """
        return cls(_entries(os.environ if environ is None else environ))

    def allows(self, phone: str) -> bool:
        """Whether this number may be written to.

        Args:
            phone: normalised digits. Any other form of a number is not allowed
                while the guard is active.
        """
        if not self.active:
            return True
        if not (phone.isascii() and phone.isdigit()):
            return False
        return phone in self._numbers or phone.startswith(self._prefixes)

    def check(self, phone: str) -> None:
        """Refuse a number that is not allowed.

        Raises:
            NotSent: reason ``guarded``; the number is masked.
        """
        if not self.allows(phone):
            raise NotSent(
                f"{mask_phone(phone)} is not one of the numbers in {ONLY_TO_VARIABLE}: nothing was sent.",
                reason="guarded",
                advice=f"Add the number (or a prefix such as 7916*) to {ONLY_TO_VARIABLE}, or unset it in production.",
            )

    def check_list(self) -> None:
        """Refuse a whole mailing list while any number is: nobody here can say whom it holds.

        Raises:
            ConfigurationError: the guard is active.
        """
        if self.active:
            raise ConfigurationError(f"{ONLY_TO_VARIABLE} is set: a whole mailing list cannot be checked against it")

    def refusal(self, phones: Iterable[str]) -> NotSent | None:
        """The refusal of the first number that is not allowed, without the frames that hold it."""
        if self.active:
            try:
                for phone in phones:
                    self.check(phone)
            except NotSent as error:
                return error.with_traceback(None)
        return None

    def __repr__(self) -> str:
        if not self.active:
            return "OnlyTo(everybody)"
        return f"OnlyTo({len(self._numbers)} numbers, {len(self._prefixes)} prefixes)"


def _entries(environ: Mapping[str, str]) -> list[str] | None:
    value = environ.get(ONLY_TO_VARIABLE)
    return None if value is None else [entry for entry in _BREAK.split(value) if entry]


def _read(entries: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]] | ConfigurationError:
    """Numbers and prefixes, or what is wrong, without the frames that hold them."""
    prefixes = {entry: _PREFIX.fullmatch(entry) for entry in entries}
    numbers: set[str] = set()
    for entry, match in prefixes.items():
        if match is None:
            number = _number(entry)
            if isinstance(number, ConfigurationError):
                return number
            numbers.add(number)
    return frozenset(numbers), tuple(match[1] for match in prefixes.values() if match is not None)


def _number(entry: str) -> str | ConfigurationError:
    try:
        try:
            return normalise_phone(entry)
        except InvalidMessage:
            # What may be a Russian number without its 7 is listed as the international one that it spells:
            # the stricter of the two readings, and the only way to list it.
            return normalise_phone(entry, region="INT")
    except InvalidMessage as error:
        return ConfigurationError(
            f"{ONLY_TO_VARIABLE}: {mask_phone(entry)} is not a number ({error.rule}). "
            "Entries are numbers such as 79161112233 or prefixes such as 7916*; to allow everybody, unset the variable."
        )
