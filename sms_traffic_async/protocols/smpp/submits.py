"""PDUs that carry one message: submit_sm, deliver_sm, data_sm (SMPP 3.4, 4.4, 4.6 and 4.7).

Of a busy link nearly every PDU is a submit_sm, a deliver_sm or the answer to
one, so these are written and read by hand, field after field; the table beside
them takes over where one is not ordinary, and is what the tests compare with.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeVar

from sms_traffic_async.protocols.smpp.fields import (
    MAX_SHORT_MESSAGE,
    Layout,
    Request,
    draft_of,
    read_fields,
    write_fields,
)
from sms_traffic_async.protocols.smpp.tlv import NO_TLVS, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import NPI, TON, Command, CommandStatus
from sms_traffic_async.secrets import mask_phone

__all__ = (
    "DataSm",
    "DeliverSm",
    "SubmitSm",
)

_OK: Final = CommandStatus.ESME_ROK
_ADDRESSES: Final[Layout] = (
    ("service_type", "string"),
    ("source_addr_ton", "octet"),
    ("source_addr_npi", "octet"),
    ("source_addr", "string"),
    ("dest_addr_ton", "octet"),
    ("dest_addr_npi", "octet"),
    ("destination_addr", "string"),
    ("esm_class", "octet"),
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _ShortMessage(Request):
    """What submit_sm and deliver_sm share: all of their fields."""

    layout: ClassVar[Layout] = (
        *_ADDRESSES,
        ("protocol_id", "octet"),
        ("priority_flag", "octet"),
        ("schedule_delivery_time", "string"),
        ("validity_period", "string"),
        ("registered_delivery", "octet"),
        ("replace_if_present_flag", "octet"),
        ("data_coding", "octet"),
        ("sm_default_msg_id", "octet"),
        ("short_message", "message"),
        ("tlvs", "tlvs"),
    )
    service_type: str = ""
    source_addr_ton: int = TON.UNKNOWN
    source_addr_npi: int = NPI.UNKNOWN
    source_addr: str = ""
    dest_addr_ton: int = TON.INTERNATIONAL
    dest_addr_npi: int = NPI.ISDN
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = NO_TLVS

    def body(self) -> bytes:
        """Everything after the header.

        Raises:
            LocalProtocolError: a field does not fit its place.
        """
        try:
            octets = _write_short_message(self)
        except (ValueError, struct.error):
            octets = b""
        # It has times in it, or something that does not fit: the table writes it, or knows what.
        return octets or write_fields(self, self.layout)

    @property
    def user_data(self) -> bytes:
        """The text's octets, UDH included, wherever they stand."""
        if self.short_message or not self.tlvs:
            return self.short_message
        return self.tlvs.message_payload or b""

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int) -> Self:
        """Read the body between two positions; an empty message is as good as any.

        Raises:
            PduError: it ends before its last field, or ``sm_length`` is not true.
        """
        del command
        try:
            return _read_short_message(cls, data, at, end)
        except (ValueError, IndexError, struct.error):
            # It has times in it, ends too early, or its sm_length is not true: the table knows which.
            return cls(**read_fields(cls.layout, data, at, end))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(source_addr={mask_phone(self.source_addr)!r}, "
            f"destination_addr={mask_phone(self.destination_addr)!r}, esm_class=0x{self.esm_class:02X}, "
            f"data_coding={self.data_coding}, short_message=<{len(self.short_message)} octets>, tlvs={self.tlvs!r})"
        )


M = TypeVar("M", bound=_ShortMessage)
_new_short_message: Final = draft_of(Request, tuple(name for name, _ in _ShortMessage.layout))


# esm_class to sm_length, with the two strings between that are nearly always empty.
_FIXED: Final = struct.Struct(">10B")


def _write_short_message(pdu: _ShortMessage) -> bytes:
    strings = (pdu.service_type, pdu.source_addr, pdu.destination_addr)
    message = pdu.short_message
    if (
        len(message) > MAX_SHORT_MESSAGE
        or pdu.schedule_delivery_time
        or pdu.validity_period
        or "\0" in "".join(strings)
    ):
        return b""
    service, source, destination = strings
    return b"".join(
        (
            service.encode("latin-1"),
            b"\0",
            bytes((pdu.source_addr_ton, pdu.source_addr_npi)),
            source.encode("latin-1"),
            b"\0",
            bytes((pdu.dest_addr_ton, pdu.dest_addr_npi)),
            destination.encode("latin-1"),
            b"\0",
            _FIXED.pack(
                pdu.esm_class,
                pdu.protocol_id,
                pdu.priority_flag,
                0,
                0,
                pdu.registered_delivery,
                pdu.replace_if_present_flag,
                pdu.data_coding,
                pdu.sm_default_msg_id,
                len(message),
            ),
            message,
            pdu.tlvs,
        )
    )


def _read_short_message(cls: type[M], data: bytes, at: int, end: int) -> M:
    pdu = _new_short_message()
    stop = data.index(0, at, end) if data[at] else at
    pdu.service_type = "" if stop == at else data[at:stop].decode("latin-1")
    pdu.source_addr_ton = data[stop + 1]
    pdu.source_addr_npi = data[stop + 2]
    at = stop + 3
    stop = data.index(0, at, end)
    pdu.source_addr = data[at:stop].decode("latin-1")
    pdu.dest_addr_ton = data[stop + 1]
    pdu.dest_addr_npi = data[stop + 2]
    at = stop + 3
    stop = data.index(0, at, end)
    pdu.destination_addr = data[at:stop].decode("latin-1")
    (
        pdu.esm_class,
        pdu.protocol_id,
        pdu.priority_flag,
        schedule,
        validity,
        pdu.registered_delivery,
        pdu.replace_if_present_flag,
        pdu.data_coding,
        pdu.sm_default_msg_id,
        length,
    ) = _FIXED.unpack_from(data, stop + 1)
    at = stop + 11
    stop = at + length
    # The end is checked last: positions only grow, so if this one is inside the PDU all were.
    if schedule or validity or stop > end:
        raise IndexError
    pdu.schedule_delivery_time = pdu.validity_period = ""
    pdu.short_message = data[at:stop]
    pdu.tlvs = NO_TLVS if stop == end else Tlvs(data[stop:end])
    pdu.__class__ = cls
    return pdu  # type: ignore[no-any-return] # it has just become one


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubmitSm(_ShortMessage):
    """A message to be sent (document, table 2)."""

    own_command = Command.SUBMIT_SM


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeliverSm(_ShortMessage):
    """A message or a receipt that arrived."""

    own_command = Command.DELIVER_SM


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DataSm(Request):
    """A message in either direction, its text in message_payload. The platform refuses it from clients."""

    own_command = Command.DATA_SM
    layout: ClassVar[Layout] = (
        *_ADDRESSES,
        ("registered_delivery", "octet"),
        ("data_coding", "octet"),
        ("tlvs", "tlvs"),
    )
    service_type: str = ""
    source_addr_ton: int = TON.UNKNOWN
    source_addr_npi: int = NPI.UNKNOWN
    source_addr: str = ""
    dest_addr_ton: int = TON.INTERNATIONAL
    dest_addr_npi: int = NPI.ISDN
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    tlvs: Tlvs = NO_TLVS

    @property
    def user_data(self) -> bytes:
        """The text's octets, UDH included."""
        return self.tlvs.message_payload or b""

    def __repr__(self) -> str:
        return (
            f"DataSm(source_addr={mask_phone(self.source_addr)!r}, "
            f"destination_addr={mask_phone(self.destination_addr)!r}, tlvs={self.tlvs!r})"
        )
