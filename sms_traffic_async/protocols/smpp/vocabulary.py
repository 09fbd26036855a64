"""The words of SMPP 3.4: commands, statuses, tags, numbers of addresses and codings.

The values come from ``aiosmpplib.state``, and this is the only room that
imports it. Its enumerations are closed; ours are open: a value that is not
listed is kept as it came, compares as its number and says so (``.known``).
"""

from __future__ import annotations

import enum
from typing import Any, Self

from aiosmpplib import state as _state

__all__ = ("NPI", "TON", "BindMode", "Command", "CommandStatus", "DataCoding", "EsmClass", "Role", "Tag")

_RESPONSE_BIT = 0x8000_0000
_FOUR_OCTETS = 0xFFFF_FFFF
_COMMAND = _state.SmppCommand
_STATUS = _state.SmppCommandStatus
_CODING = _state.SmppDataCoding
_VENDOR_STATUSES = range(0x400, 0x500)


def _number(member: Any) -> int:
    """A value of the vocabulary, which has no types; a tag is a plain number there."""
    number: int = getattr(member, "value", member)
    return number


class _OpenNumber(enum.IntEnum):
    """A number with a name where it has one. ``cls(number)`` never refuses what four octets can hold."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _FOUR_OCTETS:
            return None
        # Not stored anywhere: a peer cannot make the class grow.
        made = int.__new__(cls, value)
        made._value_ = value
        made._name_ = f"0x{value:X}"
        return made

    @property
    def known(self) -> bool:
        """Whether it is listed here."""
        return self._name_ in type(self).__members__


class Command(_OpenNumber):
    """``command_id`` (SMPP 3.4, 5.1.2.1)."""

    BIND_RECEIVER = _number(_COMMAND.BIND_RECEIVER)
    BIND_TRANSMITTER = _number(_COMMAND.BIND_TRANSMITTER)
    QUERY_SM = _number(_COMMAND.QUERY_SM)
    SUBMIT_SM = _number(_COMMAND.SUBMIT_SM)
    DELIVER_SM = _number(_COMMAND.DELIVER_SM)
    UNBIND = _number(_COMMAND.UNBIND)
    REPLACE_SM = _number(_COMMAND.REPLACE_SM)
    CANCEL_SM = _number(_COMMAND.CANCEL_SM)
    BIND_TRANSCEIVER = _number(_COMMAND.BIND_TRANSCEIVER)
    OUTBIND = _number(_COMMAND.OUTBIND)
    ENQUIRE_LINK = _number(_COMMAND.ENQUIRE_LINK)
    SUBMIT_MULTI = _number(_COMMAND.SUBMIT_MULTI)
    ALERT_NOTIFICATION = _number(_COMMAND.ALERT_NOTIFICATION)
    DATA_SM = _number(_COMMAND.DATA_SM)
    GENERIC_NACK = _number(_COMMAND.GENERIC_NACK)
    BIND_RECEIVER_RESP = _number(_COMMAND.BIND_RECEIVER_RESP)
    BIND_TRANSMITTER_RESP = _number(_COMMAND.BIND_TRANSMITTER_RESP)
    QUERY_SM_RESP = _number(_COMMAND.QUERY_SM_RESP)
    SUBMIT_SM_RESP = _number(_COMMAND.SUBMIT_SM_RESP)
    DELIVER_SM_RESP = _number(_COMMAND.DELIVER_SM_RESP)
    UNBIND_RESP = _number(_COMMAND.UNBIND_RESP)
    REPLACE_SM_RESP = _number(_COMMAND.REPLACE_SM_RESP)
    CANCEL_SM_RESP = _number(_COMMAND.CANCEL_SM_RESP)
    BIND_TRANSCEIVER_RESP = _number(_COMMAND.BIND_TRANSCEIVER_RESP)
    ENQUIRE_LINK_RESP = _number(_COMMAND.ENQUIRE_LINK_RESP)
    SUBMIT_MULTI_RESP = _number(_COMMAND.SUBMIT_MULTI_RESP)
    DATA_SM_RESP = _number(_COMMAND.DATA_SM_RESP)

    @property
    def response(self) -> Command:
        """What answers it; itself, if it is a response."""
        return Command(self | _RESPONSE_BIT)


class CommandStatus(_OpenNumber):
    """``command_status`` (SMPP 3.4, 5.1.3). Vendors add their own, 0x400 to 0x4FF."""

    ESME_ROK = _number(_STATUS.ESME_ROK)
    ESME_RINVMSGLEN = _number(_STATUS.ESME_RINVMSGLEN)
    ESME_RINVCMDLEN = _number(_STATUS.ESME_RINVCMDLEN)
    ESME_RINVCMDID = _number(_STATUS.ESME_RINVCMDID)
    ESME_RINVBNDSTS = _number(_STATUS.ESME_RINVBNDSTS)
    ESME_RALYBND = _number(_STATUS.ESME_RALYBND)
    ESME_RINVPRTFLG = _number(_STATUS.ESME_RINVPRTFLG)
    ESME_RINVREGDLVFLG = _number(_STATUS.ESME_RINVREGDLVFLG)
    ESME_RSYSERR = _number(_STATUS.ESME_RSYSERR)
    ESME_RINVSRCADR = _number(_STATUS.ESME_RINVSRCADR)
    ESME_RINVDSTADR = _number(_STATUS.ESME_RINVDSTADR)
    ESME_RINVMSGID = _number(_STATUS.ESME_RINVMSGID)
    ESME_RBINDFAIL = _number(_STATUS.ESME_RBINDFAIL)
    ESME_RINVPASWD = _number(_STATUS.ESME_RINVPASWD)
    ESME_RINVSYSID = _number(_STATUS.ESME_RINVSYSID)
    ESME_RCANCELFAIL = _number(_STATUS.ESME_RCANCELFAIL)
    ESME_RREPLACEFAIL = _number(_STATUS.ESME_RREPLACEFAIL)
    ESME_RMSGQFUL = _number(_STATUS.ESME_RMSGQFUL)
    ESME_RINVSERTYP = _number(_STATUS.ESME_RINVSERTYP)
    ESME_RINVNUMDESTS = _number(_STATUS.ESME_RINVNUMDESTS)
    ESME_RINVDLNAME = _number(_STATUS.ESME_RINVDLNAME)
    ESME_RINVDESTFLAG = _number(_STATUS.ESME_RINVDESTFLAG)
    ESME_RINVSUBREP = _number(_STATUS.ESME_RINVSUBREP)
    ESME_RINVESMCLASS = _number(_STATUS.ESME_RINVESMCLASS)
    ESME_RCNTSUBDL = _number(_STATUS.ESME_RCNTSUBDL)
    ESME_RSUBMITFAIL = _number(_STATUS.ESME_RSUBMITFAIL)
    ESME_RINVSRCTON = _number(_STATUS.ESME_RINVSRCTON)
    ESME_RINVSRCNPI = _number(_STATUS.ESME_RINVSRCNPI)
    ESME_RINVDSTTON = _number(_STATUS.ESME_RINVDSTTON)
    ESME_RINVDSTNPI = _number(_STATUS.ESME_RINVDSTNPI)
    ESME_RINVSYSTYP = _number(_STATUS.ESME_RINVSYSTYP)
    ESME_RINVREPFLAG = _number(_STATUS.ESME_RINVREPFLAG)
    ESME_RINVNUMMSGS = _number(_STATUS.ESME_RINVNUMMSGS)
    ESME_RTHROTTLED = _number(_STATUS.ESME_RTHROTTLED)
    ESME_RINVSCHED = _number(_STATUS.ESME_RINVSCHED)
    ESME_RINVEXPIRY = _number(_STATUS.ESME_RINVEXPIRY)
    ESME_RINVDFTMSGID = _number(_STATUS.ESME_RINVDFTMSGID)
    ESME_RX_T_APPN = _number(_STATUS.ESME_RX_T_APPN)
    ESME_RX_P_APPN = _number(_STATUS.ESME_RX_P_APPN)
    ESME_RX_R_APPN = _number(_STATUS.ESME_RX_R_APPN)
    ESME_RQUERYFAIL = _number(_STATUS.ESME_RQUERYFAIL)
    ESME_RINVOPTPARSTREAM = _number(_STATUS.ESME_RINVOPTPARSTREAM)
    ESME_ROPTPARNOTALLWD = _number(_STATUS.ESME_ROPTPARNOTALLWD)
    ESME_RINVPARLEN = _number(_STATUS.ESME_RINVPARLEN)
    ESME_RMISSINGOPTPARAM = _number(_STATUS.ESME_RMISSINGOPTPARAM)
    ESME_RINVOPTPARAMVAL = _number(_STATUS.ESME_RINVOPTPARAMVAL)
    ESME_RDELIVERYFAILURE = _number(_STATUS.ESME_RDELIVERYFAILURE)
    ESME_RUNKNOWNERR = _number(_STATUS.ESME_RUNKNOWNERR)

    @property
    def meaning(self) -> str:
        """The specification's words for it."""
        if self.known:
            text: str = _STATUS(int(self)).description
            # The vocabulary's "Message Broker Full" is its own; the specification says queue.
            return "Message Queue Full" if self is CommandStatus.ESME_RMSGQFUL else text.rstrip(".")
        if self in _VENDOR_STATUSES:
            return f"Vendor-specific status 0x{int(self):08X}"
        return f"Status 0x{int(self):08X}, which SMPP 3.4 does not define"


class Tag(_OpenNumber):
    """Tags of optional parameters (SMPP 3.4, 5.3.2)."""

    DEST_ADDR_SUBUNIT = _number(_state.DEST_ADDR_SUBUNIT)
    DEST_NETWORK_TYPE = _number(_state.DEST_NETWORK_TYPE)
    DEST_BEARER_TYPE = _number(_state.DEST_BEARER_TYPE)
    DEST_TELEMATICS_ID = _number(_state.DEST_TELEMATICS_ID)
    SOURCE_ADDR_SUBUNIT = _number(_state.SOURCE_ADDR_SUBUNIT)
    SOURCE_NETWORK_TYPE = _number(_state.SOURCE_NETWORK_TYPE)
    SOURCE_BEARER_TYPE = _number(_state.SOURCE_BEARER_TYPE)
    SOURCE_TELEMATICS_ID = _number(_state.SOURCE_TELEMATICS_ID)
    QOS_TIME_TO_LIVE = _number(_state.QOS_TIME_TO_LIVE)
    PAYLOAD_TYPE = _number(_state.PAYLOAD_TYPE)
    ADDITIONAL_STATUS_INFO_TEXT = _number(_state.ADDITIONAL_STATUS_INFO_TEXT)
    RECEIPTED_MESSAGE_ID = _number(_state.RECEIPTED_MESSAGE_ID)
    MS_MSG_WAIT_FACILITIES = _number(_state.MS_MSG_WAIT_FACILITIES)
    PRIVACY_INDICATOR = _number(_state.PRIVACY_INDICATOR)
    SOURCE_SUBADDRESS = _number(_state.SOURCE_SUBADDRESS)
    DEST_SUBADDRESS = _number(_state.DEST_SUBADDRESS)
    USER_MESSAGE_REFERENCE = _number(_state.USER_MESSAGE_REFERENCE)
    USER_RESPONSE_CODE = _number(_state.USER_RESPONSE_CODE)
    SOURCE_PORT = _number(_state.SOURCE_PORT)
    DESTINATION_PORT = _number(_state.DESTINATION_PORT)
    SAR_MSG_REF_NUM = _number(_state.SAR_MSG_REF_NUM)
    LANGUAGE_INDICATOR = _number(_state.LANGUAGE_INDICATOR)
    SAR_TOTAL_SEGMENTS = _number(_state.SAR_TOTAL_SEGMENTS)
    SAR_SEGMENT_SEQNUM = _number(_state.SAR_SEGMENT_SEQNUM)
    SC_INTERFACE_VERSION = _number(_state.SC_INTERFACE_VERSION)
    CALLBACK_NUM_PRES_IND = _number(_state.CALLBACK_NUM_PRES_IND)
    CALLBACK_NUM_ATAG = _number(_state.CALLBACK_NUM_ATAG)
    NUMBER_OF_MESSAGES = _number(_state.NUMBER_OF_MESSAGES)
    CALLBACK_NUM = _number(_state.CALLBACK_NUM)
    DPF_RESULT = _number(_state.DPF_RESULT)
    SET_DPF = _number(_state.SET_DPF)
    MS_AVAILABILITY_STATUS = _number(_state.MS_AVAILABILITY_STATUS)
    NETWORK_ERROR_CODE = _number(_state.NETWORK_ERROR_CODE)
    MESSAGE_PAYLOAD = _number(_state.MESSAGE_PAYLOAD)
    DELIVERY_FAILURE_REASON = _number(_state.DELIVERY_FAILURE_REASON)
    MORE_MESSAGES_TO_SEND = _number(_state.MORE_MESSAGES_TO_SEND)
    MESSAGE_STATE = _number(_state.MESSAGE_STATE)
    USSD_SERVICE_OP = _number(_state.USSD_SERVICE_OP)
    DISPLAY_TIME = _number(_state.DISPLAY_TIME)
    SMS_SIGNAL = _number(_state.SMS_SIGNAL)
    MS_VALIDITY = _number(_state.MS_VALIDITY)
    ALERT_ON_MESSAGE_DELIVERY = _number(_state.ALERT_ON_MESSAGE_DELIVERY)
    ITS_REPLY_TYPE = _number(_state.ITS_REPLY_TYPE)
    ITS_SESSION_INFO = _number(_state.ITS_SESSION_INFO)


class TON(_OpenNumber):
    """Type of number (SMPP 3.4, 5.2.5)."""

    UNKNOWN = _number(_state.TON.UNKNOWN)
    INTERNATIONAL = _number(_state.TON.INTERNATIONAL)
    NATIONAL = _number(_state.TON.NATIONAL)
    NETWORK_SPECIFIC = _number(_state.TON.NETWORK_SPECIFIC)
    SUBSCRIBER_NUMBER = _number(_state.TON.SUBSCRIBER_NUMBER)
    ALPHANUMERIC = _number(_state.TON.ALPHANUMERIC)
    ABBREVIATED = _number(_state.TON.ABBREVIATED)


class NPI(_OpenNumber):
    """Numbering plan (SMPP 3.4, 5.2.6)."""

    UNKNOWN = _number(_state.NPI.UNKNOWN)
    ISDN = _number(_state.NPI.ISDN)
    DATA = _number(_state.NPI.DATA)
    TELEX = _number(_state.NPI.TELEX)
    LAND_MOBILE = _number(_state.NPI.LAND_MOBILE)
    NATIONAL = _number(_state.NPI.NATIONAL)
    PRIVATE = _number(_state.NPI.PRIVATE)
    ERMES = _number(_state.NPI.ERMES)
    INTERNET = _number(_state.NPI.INTERNET)
    WAP_CLIENT_ID = _number(_state.NPI.WAP_CLIENT_ID)


class DataCoding(_OpenNumber):
    """``data_coding`` (SMPP 3.4, 5.2.19); the platform looks only at 0 and 3."""

    DEFAULT = _number(_CODING.gsm0338)
    IA5 = _number(_CODING.ascii)
    OCTETS = _number(_CODING.octet_unspecified_I)
    LATIN1 = _number(_CODING.latin_1)
    OCTETS_II = _number(_CODING.octet_unspecified_II)
    JIS = _number(_CODING.iso2022_jp)
    CYRILLIC = _number(_CODING.iso8859_5)
    HEBREW = _number(_CODING.iso8859_8)
    UCS2 = _number(_CODING.ucs2)
    PICTOGRAM = _number(_CODING.shift_jis)
    ISO_2022_JP = _number(_CODING.iso2022jp)
    KS_C_5601 = _number(_CODING.euc_kr)


class EsmClass(enum.IntFlag):
    """Bits of ``esm_class`` (SMPP 3.4, 5.2.12); others pass through."""

    RECEIPT = 0x04
    INTERMEDIATE = 0x20
    UDHI = 0x40
    REPLY_PATH = 0x80


class Role(enum.Enum):
    """Which end of a link one is."""

    ESME = "esme"
    """The one that binds: a client of the platform."""
    SMSC = "smsc"
    """The one that is bound to."""

    @property
    def peer(self) -> Role:
        """The other end."""
        return Role.SMSC if self is Role.ESME else Role.ESME


class BindMode(enum.Enum):
    """What a bound link carries, seen from the client."""

    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"
    TRANSCEIVER = "transceiver"

    @property
    def command(self) -> Command:
        """The request that binds in this mode."""
        return _BINDS[self]

    @property
    def submits(self) -> bool:
        """Whether the client may send messages."""
        return self is not BindMode.RECEIVER

    @property
    def receives(self) -> bool:
        """Whether the client is sent messages and receipts."""
        return self is not BindMode.TRANSMITTER

    @classmethod
    def of(cls, command: int) -> BindMode:
        """The mode that a bind request or its response belongs to.

        Raises:
            KeyError: it is no bind.
        """
        return _MODES[command & ~_RESPONSE_BIT]


_BINDS = {
    BindMode.TRANSMITTER: Command.BIND_TRANSMITTER,
    BindMode.RECEIVER: Command.BIND_RECEIVER,
    BindMode.TRANSCEIVER: Command.BIND_TRANSCEIVER,
}
_MODES = {int(command): mode for mode, command in _BINDS.items()}
