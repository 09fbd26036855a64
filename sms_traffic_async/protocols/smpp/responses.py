"""PDUs that answer messages: submit_sm_resp, deliver_sm_resp, data_sm_resp (SMPP 3.4, 4.4.2, 4.6.2 and 4.7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from sms_traffic_async.protocols.smpp.fields import Layout, Response, draft_of, encode_string
from sms_traffic_async.protocols.smpp.tlv import NO_TLVS, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import Command, CommandStatus

__all__ = ("DataSmResp", "DeliverSmResp", "SubmitSmResp")

_OK: Final = CommandStatus.ESME_ROK


@dataclass(frozen=True, slots=True, kw_only=True)
class _MessageIdResp(Response):
    """What the answers to messages share: an id. A refusal may be a bare header, and an id may lack its NUL."""

    layout: ClassVar[Layout] = (("message_id", "string"), ("tlvs", "tlvs"))
    command_status: CommandStatus = _OK
    message_id: str = ""
    tlvs: Tlvs = NO_TLVS

    def body(self) -> bytes:
        """Everything after the header.

        Raises:
            LocalProtocolError: the id does not fit its place.
        """
        return encode_string("message_id", self.message_id) + self.tlvs

    @classmethod
    def read(cls, data: bytes, at: int, end: int, command: int, status: int) -> Self:
        """Read the body between two positions. Never raises."""
        del command
        pdu = _new_message_id_resp()
        pdu.command_status = CommandStatus(status) if status else _OK
        stop = data.find(0, at, end)
        if stop < 0:
            stop = end
        pdu.message_id = data[at:stop].decode("latin-1")
        stop += 1
        pdu.tlvs = Tlvs(data[stop:end]) if stop < end else NO_TLVS
        pdu.__class__ = cls
        return pdu  # type: ignore[no-any-return] # it has just become one


_new_message_id_resp: Final = draft_of(Response, ("command_status", "message_id", "tlvs"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSmResp(_MessageIdResp):
    """The answer to a submit_sm."""

    own_command = Command.SUBMIT_SM_RESP


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverSmResp(_MessageIdResp):
    """The answer to a deliver_sm; its message_id is unused (4.6.2)."""

    own_command = Command.DELIVER_SM_RESP


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSmResp(_MessageIdResp):
    """The answer to a data_sm."""

    own_command = Command.DATA_SM_RESP
