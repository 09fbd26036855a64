"""Is the id in this receipt the id of that response?

This platform gives the same id in both, as far as the document tells. Others do
not: hexadecimal in the response and decimal in the receipt (node-smpp,
jasmin#20), leading zeros lost (jasmin#423), another case (jasmin#916). What is
taken for the same is the user's choice; by default only the same is.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("EXACT", "IdMatching")

_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class IdMatching:
    """What counts as the same id. Index what was sent under `stored_keys`, look a receipt up by `lookup_keys`.

    Attributes:
        ignore_case: ``00B8BE19`` is ``00b8be19``.
        strip_zeros: ``0000123`` is ``123``.
        hex_decimal: ``1A2B`` in a response is ``6699`` in a receipt, and the other
            way round. A receipt of somebody else's message may then match one of
            ours by chance, so switch it on only where it is needed.
    """

    ignore_case: bool = False
    strip_zeros: bool = False
    hex_decimal: bool = False

    def stored_keys(self, message_id: str) -> tuple[str, ...]:
        """The keys to file an id of a response under."""
        plain = self._plain(message_id)
        if not self.hex_decimal:
            return (plain,)
        # One reading as a hexadecimal number, one as a decimal; a receipt asks for the other.
        return (plain, *_reading("hex", message_id, 16), *_reading("dec", message_id, 10))

    def lookup_keys(self, receipt_id: str) -> tuple[str, ...]:
        """The keys to look an id of a receipt up by, the surest first."""
        plain = self._plain(receipt_id)
        if not self.hex_decimal:
            return (plain,)
        return (plain, *_reading("hex", receipt_id, 10), *_reading("dec", receipt_id, 16))

    def same(self, message_id: str, receipt_id: str) -> bool:
        """Whether the two are one."""
        return not set(self.stored_keys(message_id)).isdisjoint(self.lookup_keys(receipt_id))

    def _plain(self, text: str) -> str:
        if self.ignore_case:
            text = text.casefold()
        if self.strip_zeros:
            text = text.lstrip("0") or text[-1:]
        return text


EXACT = IdMatching()
"""Only the same is the same."""


def _reading(name: str, text: str, base: int) -> tuple[str, ...]:
    # "." cannot stand in front of an id that is a number, so these keys never meet plain ones.
    if not text.isascii() or not text.isalnum() or len(text) > _LONGEST_NUMBER:
        return ()
    try:
        return (f".{name}:{int(text, base)}",)
    except ValueError:
        return ()
