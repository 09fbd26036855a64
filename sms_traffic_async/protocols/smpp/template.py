"""submit_sm by the thousand: what stays the same is encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.fields import MAX_SHORT_MESSAGE, OCTETS, write_fields
from sms_traffic_async.protocols.smpp.submits import SubmitSm
from sms_traffic_async.text.udh import ESM_CLASS_UDHI, PART_NUMBERS

__all__ = ("SubmitTemplate",)

_TOO_LONG: Final = f"short_message: at most {MAX_SHORT_MESSAGE} octets"


class SubmitTemplate:
    """The fields of a submit_sm that stay the same from message to message, encoded once.

    Three times as fast as ``SubmitSm(...).body()``, and the same octets.
    """

    __slots__ = ("_head", "_middle", "_sample", "_tail")

    def __init__(self, sample: SubmitSm) -> None:
        """Take everything but the destination's digits, codings and text from ``sample``.

        Raises:
            LocalProtocolError: a field of it does not fit its place.
        """
        self._sample = sample
        layout = sample.layout
        self._head = write_fields(sample, layout[:6])
        self._tail = bytes(sample.tlvs)
        self._middle: dict[int, bytes] = {}

    def body(self, destination_addr: str, short_message: bytes, data_coding: int = 0, esm_class: int = 0) -> bytes:
        """The body of one submit_sm.

        Raises:
            LocalProtocolError: a field does not fit its place.
        """
        middle = self._middle.get(esm_class << 8 | data_coding)
        if middle is None:
            middle = self._middle_of(esm_class, data_coding)
        digits = destination_addr.encode("latin-1", "replace")  # octets are looked through faster than characters
        if len(short_message) > MAX_SHORT_MESSAGE or not digits.isdigit():
            problem = _TOO_LONG if digits.isdigit() else "destination_addr: digits"
            del short_message, destination_addr, digits
            raise LocalProtocolError(problem)
        return b"".join((self._head, digits, middle, OCTETS[len(short_message)], short_message, self._tail))

    def parts(
        self, destination_addr: str, header: bytes, pieces: Sequence[bytes], data_coding: int
    ) -> tuple[bytes, ...]:
        """The bodies of one text's parts.

        Args:
            destination_addr: the number.
            header: the UDH of each, but for its last octet, which is the part's number.
            pieces: the text's octets.
            data_coding: how they are to be read.

        Raises:
            LocalProtocolError: a field does not fit its place.
        """
        middle = self._middle.get(ESM_CLASS_UDHI << 8 | data_coding)
        if middle is None:
            middle = self._middle_of(ESM_CLASS_UDHI, data_coding)
        digits = destination_addr.encode("latin-1", "replace")
        size = len(header) + 1
        if size + max(map(len, pieces)) > MAX_SHORT_MESSAGE or not digits.isdigit():
            problem = _TOO_LONG if digits.isdigit() else "destination_addr: digits"
            del pieces, destination_addr, digits
            raise LocalProtocolError(problem)
        head, tail, octets = self._head + digits + middle, self._tail, OCTETS
        return tuple(
            [
                head + octets[size + len(piece)] + header + number + piece + tail
                for number, piece in zip(PART_NUMBERS, pieces)  # noqa: B905 - there are numbers for 255 parts
            ]
        )

    def _middle_of(self, esm_class: int, data_coding: int) -> bytes:
        sample = self._sample
        changed = replace(sample, esm_class=esm_class, data_coding=data_coding)
        middle = b"\0" + write_fields(changed, sample.layout[7:-2])
        self._middle[esm_class << 8 | data_coding] = middle
        return middle
