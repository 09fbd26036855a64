"""SMPP 3.4 as values and as bytes: every PDU that either end of a link may meet.

Pure: no I/O, no clock. Strict in what it writes, liberal in what it reads, with
one error for what cannot be read, `PduError`, which carries the status to answer
with. A PDU holds neither its length nor its sequence number; the session does.

::

    frame = encode(SubmitSm(source_addr="79160000000", ...), sequence=7)
    sequence, pdu = decode(frame)
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.binds import (
    INTERFACE_VERSION,
    Bind,
    BindResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Unbind,
    UnbindResp,
)
from sms_traffic_async.protocols.smpp.fields import (
    HEADER,
    HEADER_BYTES,
    MAX_PDU_BYTES,
    MAX_SHORT_MESSAGE,
    Pdu,
    PduError,
    Request,
    Response,
)
from sms_traffic_async.protocols.smpp.operations import (
    Address,
    AlertNotification,
    CancelSm,
    CancelSmResp,
    DistributionList,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    SubmitMulti,
    SubmitMultiResp,
    Unsuccessful,
)
from sms_traffic_async.protocols.smpp.responses import DataSmResp, DeliverSmResp, SubmitSmResp
from sms_traffic_async.protocols.smpp.submits import DataSm, DeliverSm, SubmitSm
from sms_traffic_async.protocols.smpp.template import SubmitTemplate
from sms_traffic_async.protocols.smpp.times import format_absolute, format_relative, parse_time
from sms_traffic_async.protocols.smpp.tlv import NO_TLVS, NetworkError, Sar, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import Command, CommandStatus

__all__ = (
    "HEADER",
    "HEADER_BYTES",
    "INTERFACE_VERSION",
    "MAX_PDU_BYTES",
    "MAX_SHORT_MESSAGE",
    "NO_TLVS",
    "REQUESTS",
    "RESPONSES",
    "Address",
    "AlertNotification",
    "Bind",
    "BindResp",
    "CancelSm",
    "CancelSmResp",
    "DataSm",
    "DataSmResp",
    "DeliverSm",
    "DeliverSmResp",
    "DistributionList",
    "EnquireLink",
    "EnquireLinkResp",
    "GenericNack",
    "NetworkError",
    "Outbind",
    "Pdu",
    "PduError",
    "QuerySm",
    "QuerySmResp",
    "ReplaceSm",
    "ReplaceSmResp",
    "Request",
    "Response",
    "Sar",
    "SubmitMulti",
    "SubmitMultiResp",
    "SubmitSm",
    "SubmitSmResp",
    "SubmitTemplate",
    "Tlvs",
    "Unbind",
    "UnbindResp",
    "Unsuccessful",
    "decode",
    "encode",
    "format_absolute",
    "format_relative",
    "parse_time",
    "refusal",
)

_BINDS: Final = (Command.BIND_TRANSMITTER, Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER)

REQUESTS: Final = MappingProxyType[int, type[Request]](
    {
        **dict.fromkeys(map(int, _BINDS), Bind),
        **{
            int(kind.own_command): kind
            for kind in (
                AlertNotification, CancelSm, DataSm, DeliverSm, EnquireLink, Outbind, QuerySm, ReplaceSm,
                SubmitMulti, SubmitSm, Unbind,
            )
        },
    }
)  # fmt: skip
"""Requests by their ``command_id``."""

RESPONSES: Final = MappingProxyType[int, type[Response]](
    {
        **dict.fromkeys((int(bind.response) for bind in _BINDS), BindResp),
        **{
            int(kind.own_command): kind
            for kind in (
                CancelSmResp, DataSmResp, DeliverSmResp, EnquireLinkResp, GenericNack, QuerySmResp, ReplaceSmResp,
                SubmitMultiResp, SubmitSmResp, UnbindResp,
            )
        },
    }
)  # fmt: skip
"""Responses by their ``command_id``."""


def encode(pdu: Pdu, sequence: int) -> bytes:
    """One whole PDU.

    Raises:
        LocalProtocolError: a field does not fit its place, the PDU is longer
            than `MAX_PDU_BYTES`, or the sequence number takes more than four octets.
    """
    body = pdu.body()
    length = HEADER_BYTES + len(body)
    if length > MAX_PDU_BYTES or not 0 <= sequence <= 0xFFFF_FFFF:  # noqa: PLR2004 - four octets
        del body
        raise LocalProtocolError(f"a PDU of at most {MAX_PDU_BYTES} octets with a sequence number of four")
    status = pdu.command_status if isinstance(pdu, Response) else 0
    return HEADER.pack(length, pdu.command, status, sequence) + body


def decode(frame: bytes) -> tuple[int, Pdu]:
    """The sequence number and the content of one whole PDU.

    Raises:
        PduError: the length is not true, the command is unknown, or a request
            ends before its last field. A known response never raises.
    """
    if len(frame) < HEADER_BYTES:
        raise PduError("shorter than a header", command_status=CommandStatus.ESME_RINVCMDLEN, fatal=True)
    length, command, status, sequence = HEADER.unpack_from(frame)
    known = REQUESTS.get(command) or RESPONSES.get(command)
    if length != len(frame) or length > MAX_PDU_BYTES:
        failure = _failure("command_length is not true", CommandStatus.ESME_RINVCMDLEN, command, sequence, fatal=True)
    elif known is None:
        failure = _failure("unknown command", CommandStatus.ESME_RINVCMDID, command, sequence)
    else:
        try:
            if issubclass(known, Request):
                return sequence, known.read(frame, HEADER_BYTES, length, command)
            return sequence, known.read(frame, HEADER_BYTES, length, command, status)
        except PduError as error:
            failure = _failure(str(error), error.command_status, command, sequence)
    del frame  # a traceback printed with its locals shows no text and no number
    raise failure


def _failure(text: str, status: CommandStatus, command: int, sequence: int, *, fatal: bool = False) -> PduError:
    text = f"{Command(command).name}: {text}"
    return PduError(text, command_status=status, command=command, sequence=sequence, fatal=fatal)


def refusal(command: int, status: CommandStatus) -> Response:
    """What refuses a request: its own response with that status, or generic_nack where it has none."""
    kind = RESPONSES.get(command | 0x8000_0000)
    if kind is None or command in RESPONSES:
        return GenericNack(command_status=status)
    return kind.read(b"", 0, 0, command, status)
