"""submit_sm by the thousand: what stays the same is encoded once."""

from __future__ import annotations

from dataclasses import replace

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.fields import MAX_SHORT_MESSAGE, OCTETS, write_fields
from sms_traffic_async.protocols.smpp.submits import SubmitSm

__all__ = ("SubmitTemplate",)


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
        if len(short_message) > MAX_SHORT_MESSAGE:
            del short_message, destination_addr
            raise LocalProtocolError(f"short_message: at most {MAX_SHORT_MESSAGE} octets")
        if not (destination_addr.isdigit() and destination_addr.isascii()):
            del short_message, destination_addr
            raise LocalProtocolError("destination_addr: digits")
        return b"".join(
            (
                self._head,
                destination_addr.encode(),
                middle,
                OCTETS[len(short_message)],
                short_message,
                self._tail,
            )
        )

    def _middle_of(self, esm_class: int, data_coding: int) -> bytes:
        sample = self._sample
        changed = replace(sample, esm_class=esm_class, data_coding=data_coding)
        middle = b"\0" + write_fields(changed, sample.layout[7:-2])
        self._middle[esm_class, data_coding] = middle
        return middle
