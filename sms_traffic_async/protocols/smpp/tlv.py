"""Optional parameters: the octets as they came, and what can be read from them.

SMPP 3.4, 3.2.4 and 5.3: tag, length, value, in any order. Nothing is decoded
before it is asked for, no tag is refused, and a value of the wrong length or a
list that is cut off in the middle reads as far as it goes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.vocabulary import Tag

__all__ = ("NO_TLVS", "NetworkError", "Sar", "Tlvs")

_HEAD: Final = struct.Struct(">HH")
_HEAD_BYTES: Final = 4
_unpack: Final = _HEAD.unpack_from
_TWO_OCTETS: Final = 0xFFFF


class NetworkError(NamedTuple):
    """``network_error_code`` (5.3.2.31). The platform sets ``network_type`` to 8.

    Attributes:
        network_type: whose code it is.
        code: the code, which is the document's ``err`` (field notes, Q5).
    """

    network_type: int
    code: int


class Sar(NamedTuple):
    """Which part of a long message this is, told by parameters instead of a UDH (5.3.2.22 to 24)."""

    reference: int
    total: int
    part: int


class Tlvs(bytes):
    """The optional parameters of one PDU; equal to, and hashed as, their octets."""

    __slots__ = ()

    @classmethod
    def build(cls, pairs: Iterable[tuple[int, bytes]]) -> Self:
        """Tags and values to octets.

        Raises:
            LocalProtocolError: a tag or a length beyond two octets.
        """
        parts: list[bytes] = []
        for tag, value in pairs:
            if not 0 <= tag <= _TWO_OCTETS or len(value) > _TWO_OCTETS:
                raise LocalProtocolError("tlvs: tag and length take two octets each")
            parts += (_HEAD.pack(tag, len(value)), value)
        return cls(b"".join(parts))

    def items(self) -> list[tuple[int, bytes]]:
        """Every tag and value, in order; a repeated tag comes repeatedly."""
        return self._walk()[0]

    @property
    def rest(self) -> bytes:
        """What could not be read as a parameter: empty unless the list is cut off or padded."""
        return bytes(self[self._walk()[1] :])

    def get(self, tag: int) -> bytes | None:
        """The first value of a tag, or ``None``."""
        for found, value in self._walk()[0]:
            if found == tag:
                return value
        return None

    def values(self) -> dict[int, bytes]:
        """The first value of each tag."""
        return dict(reversed(self._walk()[0]))

    def number(self, tag: int) -> int | None:
        """A value as a number, whatever its width; ``None`` if missing, empty or longer than 8 octets."""
        return as_number(self.get(tag))

    def string(self, tag: int) -> str | None:
        """A value as a C-octet string, with or without its NUL; ``None`` if missing."""
        return as_string(self.get(tag))

    @property
    def receipted_message_id(self) -> str | None:
        """The id of the message a receipt is about. The document names it otherwise; the tag counts (Q3)."""
        return self.string(Tag.RECEIPTED_MESSAGE_ID)

    @property
    def message_state(self) -> int | None:
        """The state a receipt tells (5.2.28)."""
        return self.number(Tag.MESSAGE_STATE)

    @property
    def network_error(self) -> NetworkError | None:
        """The operator's reason; ``None`` if missing or shorter than its three octets."""
        return as_network_error(self.get(Tag.NETWORK_ERROR_CODE))

    @property
    def message_payload(self) -> bytes | None:
        """The text's octets where they do not stand in ``short_message``."""
        return self.get(Tag.MESSAGE_PAYLOAD)

    @property
    def sc_interface_version(self) -> int | None:
        """The version the SMSC speaks, in a bind response."""
        return self.number(Tag.SC_INTERFACE_VERSION)

    @property
    def sar(self) -> Sar | None:
        """Reference, total and part, where all three are there and make sense."""
        found = self.values()
        reference, total, part = (
            as_number(found.get(tag)) for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
        )
        if reference is None or total is None or part is None or not 1 <= part <= total <= 255:  # noqa: PLR2004
            return None
        return Sar(reference, total, part)

    def _walk(self) -> tuple[list[tuple[int, bytes]], int]:
        found: list[tuple[int, bytes]] = []
        at, last = 0, len(self) - _HEAD_BYTES
        while at <= last:
            tag, length = _unpack(self, at)
            if at + length > last:
                break
            start = at + _HEAD_BYTES
            at = start + length
            found.append((tag, self[start:at]))
        return found, at

    def __repr__(self) -> str:
        # Values may hold a text or a number.
        shown = " ".join(f"0x{tag:04X}:{len(value)}" for tag, value in self._walk()[0])
        return f"<Tlvs {shown}>" if shown else "<Tlvs>"

    __str__ = __repr__


NO_TLVS: Final = Tlvs()


def as_number(value: bytes | None) -> int | None:
    """A TLV's value as an unsigned number of any width from 1 to 8."""
    return int.from_bytes(value) if value and len(value) <= 8 else None  # noqa: PLR2004 - no field is wider


def as_string(value: bytes | None) -> str | None:
    """A TLV's value up to its first NUL."""
    return None if value is None else value.partition(b"\0")[0].decode("latin-1")


def as_network_error(value: bytes | None) -> NetworkError | None:
    """A TLV's value as network type and code; longer ones are read by their first three octets."""
    if value is None or len(value) < 3:  # noqa: PLR2004 - one octet and two
        return None
    return NetworkError(value[0], int.from_bytes(value[1:3]))
