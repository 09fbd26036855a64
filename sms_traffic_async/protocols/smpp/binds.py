"""PDUs about the link itself: bind, outbind, unbind, enquire_link, generic_nack (SMPP 3.4, 4.1 to 4.3, 4.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sms_traffic_async.protocols.smpp.fields import Layout, Request, Response, read_fields
from sms_traffic_async.protocols.smpp.tlv import NO_TLVS, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import NPI, TON, BindMode, Command, CommandStatus
from sms_traffic_async.secrets import Secret

__all__ = (
    "INTERFACE_VERSION",
    "Bind",
    "BindResp",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "Outbind",
    "Unbind",
    "UnbindResp",
)

INTERFACE_VERSION: Final = 0x34
"""SMPP 3.4 (document, table 1)."""
_NO_PASSWORD: Final = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind(Request):
    """bind_transmitter, bind_receiver or bind_transceiver.

    The fields that the platform ignores are empty (document, table 1). Passwords
    past the specification's 8 characters are sent as they are.
    """

    layout: ClassVar[Layout] = (
        ("system_id", "string"),
        ("password", "secret"),
        ("system_type", "string"),
        ("interface_version", "octet"),
        ("addr_ton", "octet"),
        ("addr_npi", "octet"),
        ("address_range", "string"),
    )
    mode: BindMode = BindMode.TRANSCEIVER
    system_id: str = ""
    password: Secret = _NO_PASSWORD
    system_type: str = ""
    interface_version: int = INTERFACE_VERSION
    addr_ton: int = TON.UNKNOWN
    addr_npi: int = NPI.UNKNOWN
    address_range: str = ""

    @property
    def command(self) -> Command:
        """The command of its mode."""
        return self.mode.command

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int) -> Self:
        """Read the body between two positions.

        Raises:
            PduError: it ends before its last field.
        """
        return cls(mode=BindMode.of(command), **read_fields(cls.layout, data, at, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class BindResp(Response):
    """The answer to a bind. A refusal may be a bare header."""

    layout: ClassVar[Layout] = (("system_id", "string"), ("tlvs", "tlvs"))
    mode: BindMode = BindMode.TRANSCEIVER
    command_status: CommandStatus = CommandStatus.ESME_ROK
    system_id: str = ""
    tlvs: Tlvs = NO_TLVS

    @property
    def command(self) -> Command:
        """The command of its mode."""
        return self.mode.command.response

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int, status: int) -> Self:
        """Read the body between two positions; whatever is missing is empty."""
        found = read_fields(cls.layout, data, at, end, lenient=True)
        return cls(mode=BindMode.of(command), command_status=CommandStatus(status), **found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbind(Request):
    """An SMSC asks to be bound to; it has no answer but a bind."""

    own_command = Command.OUTBIND
    layout: ClassVar[Layout] = (("system_id", "string"), ("password", "secret"))
    system_id: str = ""
    password: Secret = _NO_PASSWORD


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbind(Request):
    """The sender leaves."""

    own_command = Command.UNBIND


@dataclass(frozen=True, slots=True, kw_only=True)
class UnbindResp(Response):
    """The answer to an unbind."""

    own_command = Command.UNBIND_RESP
    command_status: CommandStatus = CommandStatus.ESME_ROK


@dataclass(frozen=True, slots=True, kw_only=True)
class EnquireLink(Request):
    """Is anybody there?"""

    own_command = Command.ENQUIRE_LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class EnquireLinkResp(Response):
    """Somebody is."""

    own_command = Command.ENQUIRE_LINK_RESP
    command_status: CommandStatus = CommandStatus.ESME_ROK


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericNack(Response):
    """The answer to what could not be taken for any command, or not be read."""

    own_command = Command.GENERIC_NACK
    command_status: CommandStatus = CommandStatus.ESME_RUNKNOWNERR

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int, status: int) -> Self:
        """Read its status. Some peers write 0 into every one (aiosmpplib); a no must not look like a yes."""
        del data, at, end, command
        return cls(command_status=CommandStatus(status or CommandStatus.ESME_RUNKNOWNERR))
