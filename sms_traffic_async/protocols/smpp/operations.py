"""PDUs that this platform does not support but a peer may send: submit_multi, query, cancel, replace, alert.

SMPP 3.4, 4.5 and 4.8 to 4.12; "Не поддерживаются" in the document. They are
read so that they can be refused by name, and written so that the sandbox's
refusals can be tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, Self, TypeAlias

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.fields import (
    OCTETS,
    Layout,
    PduError,
    Request,
    Response,
    encode_octet,
    encode_string,
    read_fields,
    read_string,
    take_fields,
    write_fields,
)
from sms_traffic_async.protocols.smpp.tlv import NO_TLVS, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import NPI, TON, Command, CommandStatus
from sms_traffic_async.secrets import mask_phone

__all__ = (
    "Address",
    "AlertNotification",
    "CancelSm",
    "CancelSmResp",
    "DistributionList",
    "QuerySm",
    "QuerySmResp",
    "ReplaceSm",
    "ReplaceSmResp",
    "SubmitMulti",
    "SubmitMultiResp",
    "Unsuccessful",
)

_OK: Final = CommandStatus.ESME_ROK
_SOURCE: Final[Layout] = (("source_addr_ton", "octet"), ("source_addr_npi", "octet"), ("source_addr", "string"))
_DESTINATION: Final[Layout] = (("dest_addr_ton", "octet"), ("dest_addr_npi", "octet"), ("destination_addr", "string"))
_IS_ADDRESS, _IS_LIST = 1, 2
_MOST_DESTINATIONS: Final = 254


class Address(NamedTuple):
    """One number of a submit_multi."""

    addr: str
    ton: int = TON.INTERNATIONAL
    npi: int = NPI.ISDN

    def __repr__(self) -> str:
        return f"Address({mask_phone(self.addr)!r})"


class DistributionList(NamedTuple):
    """A list of numbers that the SMSC knows by name."""

    name: str


Destination: TypeAlias = Address | DistributionList


class Unsuccessful(NamedTuple):
    """A number of a submit_multi that was not taken, and why."""

    addr: str
    ton: int
    npi: int
    command_status: CommandStatus

    def __repr__(self) -> str:
        return f"Unsuccessful({mask_phone(self.addr)!r}, {self.command_status!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubmitMulti(Request):
    """One message to many numbers."""

    own_command = Command.SUBMIT_MULTI
    before: ClassVar[Layout] = (("service_type", "string"), *_SOURCE)
    layout: ClassVar[Layout] = (
        ("esm_class", "octet"),
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
    destinations: tuple[Destination, ...] = ()
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
        if len(self.destinations) > _MOST_DESTINATIONS:
            raise LocalProtocolError(f"destinations: at most {_MOST_DESTINATIONS}")
        parts = [write_fields(self, self.before), OCTETS[len(self.destinations)]]
        for one in self.destinations:
            if isinstance(one, DistributionList):
                parts += (OCTETS[_IS_LIST], encode_string("destinations", one.name))
            else:
                numbers = [encode_octet("destinations", number) for number in (_IS_ADDRESS, one.ton, one.npi)]
                parts += (*numbers, encode_string("destinations", one.addr))
        return b"".join((*parts, write_fields(self, self.layout)))

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int) -> Self:
        """Read the body between two positions.

        Raises:
            PduError: it ends before its last field, or a destination is neither number nor list.
        """
        del command
        found, at = take_fields((*cls.before, ("number_of_dests", "octet")), data, at, end)
        destinations: list[Destination] = []
        for _ in range(found.pop("number_of_dests")):
            flag = data[at] if at < end else 0
            if flag == _IS_ADDRESS and at + 2 < end:
                ton, npi = data[at + 1], data[at + 2]
                text, at = read_string(data, at + 3, end)
                destinations.append(Address(text, ton, npi))
            elif flag == _IS_LIST:
                text, at = read_string(data, at + 1, end)
                destinations.append(DistributionList(text))
            else:
                raise PduError("neither a number nor a list", command_status=CommandStatus.ESME_RINVDESTFLAG)
        return cls(**found, destinations=tuple(destinations), **read_fields(cls.layout, data, at, end))

    def __repr__(self) -> str:
        return f"SubmitMulti(destinations=<{len(self.destinations)}>, short_message=<{len(self.short_message)} octets>)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitMultiResp(Response):
    """The answer to a submit_multi."""

    own_command = Command.SUBMIT_MULTI_RESP
    layout: ClassVar[Layout] = (("message_id", "string"), ("no_unsuccess", "octet"))
    command_status: CommandStatus = _OK
    message_id: str = ""
    unsuccessful: tuple[Unsuccessful, ...] = ()
    tlvs: Tlvs = NO_TLVS

    def body(self) -> bytes:
        """Everything after the header.

        Raises:
            LocalProtocolError: a field does not fit its place.
        """
        if len(self.unsuccessful) > _MOST_DESTINATIONS:
            raise LocalProtocolError(f"unsuccessful: at most {_MOST_DESTINATIONS}")
        parts = [encode_string("message_id", self.message_id), OCTETS[len(self.unsuccessful)]]
        for one in self.unsuccessful:
            numbers = [encode_octet("unsuccessful", number) for number in (one.ton, one.npi)]
            status = int(one.command_status).to_bytes(4)
            parts += (*numbers, encode_string("unsuccessful", one.addr), status)
        return b"".join((*parts, self.tlvs))

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int, status: int) -> Self:
        """Read the body between two positions, as far as it goes. Never raises."""
        del command
        found, at = take_fields(cls.layout, data, at, end, lenient=True)
        unsuccessful: list[Unsuccessful] = []
        for _ in range(found.pop("no_unsuccess", 0)):
            if at + 2 >= end:
                break
            ton, npi = data[at], data[at + 1]
            text, at = read_string(data, at + 2, end, lenient=True)
            # What the end cuts off reads as zeros on the left: any status but "fine" is possible then.
            cause = CommandStatus(int.from_bytes(data[at : min(at + 4, end)]))
            unsuccessful.append(Unsuccessful(text, ton, npi, cause))
            at += 4
        tlvs = Tlvs(data[at:end]) if at < end else NO_TLVS
        return cls(command_status=CommandStatus(status), **found, unsuccessful=tuple(unsuccessful), tlvs=tlvs)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySm(Request):
    """What became of a message?"""

    own_command = Command.QUERY_SM
    layout: ClassVar[Layout] = (("message_id", "string"), *_SOURCE)
    message_id: str = ""
    source_addr_ton: int = TON.UNKNOWN
    source_addr_npi: int = NPI.UNKNOWN
    source_addr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySmResp(Response):
    """This became of it."""

    own_command = Command.QUERY_SM_RESP
    layout: ClassVar[Layout] = (
        ("message_id", "string"),
        ("final_date", "string"),
        ("message_state", "octet"),
        ("error_code", "octet"),
    )
    command_status: CommandStatus = _OK
    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CancelSm(Request):
    """Do not send it."""

    own_command = Command.CANCEL_SM
    layout: ClassVar[Layout] = (("service_type", "string"), ("message_id", "string"), *_SOURCE, *_DESTINATION)
    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = TON.UNKNOWN
    source_addr_npi: int = NPI.UNKNOWN
    source_addr: str = ""
    dest_addr_ton: int = TON.INTERNATIONAL
    dest_addr_npi: int = NPI.ISDN
    destination_addr: str = ""

    def __repr__(self) -> str:
        return f"CancelSm(message_id={self.message_id!r}, destination_addr={mask_phone(self.destination_addr)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSmResp(Response):
    """The answer to a cancel_sm."""

    own_command = Command.CANCEL_SM_RESP
    command_status: CommandStatus = _OK


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReplaceSm(Request):
    """Send this text instead."""

    own_command = Command.REPLACE_SM
    layout: ClassVar[Layout] = (
        ("message_id", "string"),
        *_SOURCE,
        ("schedule_delivery_time", "string"),
        ("validity_period", "string"),
        ("registered_delivery", "octet"),
        ("sm_default_msg_id", "octet"),
        ("short_message", "message"),
    )
    message_id: str = ""
    source_addr_ton: int = TON.UNKNOWN
    source_addr_npi: int = NPI.UNKNOWN
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""

    def __repr__(self) -> str:
        return f"ReplaceSm(message_id={self.message_id!r}, short_message=<{len(self.short_message)} octets>)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceSmResp(Response):
    """The answer to a replace_sm."""

    own_command = Command.REPLACE_SM_RESP
    command_status: CommandStatus = _OK


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AlertNotification(Request):
    """A phone can be reached again; there is no answer to it."""

    own_command = Command.ALERT_NOTIFICATION
    layout: ClassVar[Layout] = (
        *_SOURCE,
        ("esme_addr_ton", "octet"),
        ("esme_addr_npi", "octet"),
        ("esme_addr", "string"),
        ("tlvs", "tlvs"),
    )
    source_addr_ton: int = TON.UNKNOWN
    source_addr_npi: int = NPI.UNKNOWN
    source_addr: str = ""
    esme_addr_ton: int = TON.UNKNOWN
    esme_addr_npi: int = NPI.UNKNOWN
    esme_addr: str = ""
    tlvs: Tlvs = NO_TLVS

    def __repr__(self) -> str:
        return f"AlertNotification(source_addr={mask_phone(self.source_addr)!r}, tlvs={self.tlvs!r})"
