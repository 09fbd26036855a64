"""The words of SMPP 3.4: commands, statuses, tags, numbers of addresses and codings.

The values come from ``aiosmpplib.state``, and this is the only room that
imports it. Its enumerations are closed; ours are open: a value that is not
listed is kept as it came, compares as its number and says so (``.known``).
"""

from __future__ import annotations

import enum
from typing import Self

from aiosmpplib import state as _state

__all__ = ("NPI", "TON", "BindMode", "Command", "CommandStatus", "DataCoding", "EsmClass", "Role", "Tag")

_RESPONSE_BIT = 0x8000_0000
_FOUR_OCTETS = 0xFFFF_FFFF
_COMMAND = _state.SmppCommand
_STATUS = _state.SmppCommandStatus
_CODING = _state.SmppDataCoding
_VENDOR_STATUSES = range(0x400, 0x500)


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

    BIND_RECEIVER = _COMMAND.BIND_RECEIVER.value
    BIND_TRANSMITTER = _COMMAND.BIND_TRANSMITTER.value
    QUERY_SM = _COMMAND.QUERY_SM.value
    SUBMIT_SM = _COMMAND.SUBMIT_SM.value
    DELIVER_SM = _COMMAND.DELIVER_SM.value
    UNBIND = _COMMAND.UNBIND.value
    REPLACE_SM = _COMMAND.REPLACE_SM.value
    CANCEL_SM = _COMMAND.CANCEL_SM.value
    BIND_TRANSCEIVER = _COMMAND.BIND_TRANSCEIVER.value
    OUTBIND = _COMMAND.OUTBIND.value
    ENQUIRE_LINK = _COMMAND.ENQUIRE_LINK.value
    SUBMIT_MULTI = _COMMAND.SUBMIT_MULTI.value
    ALERT_NOTIFICATION = _COMMAND.ALERT_NOTIFICATION.value
    DATA_SM = _COMMAND.DATA_SM.value
    GENERIC_NACK = _COMMAND.GENERIC_NACK.value
    BIND_RECEIVER_RESP = _COMMAND.BIND_RECEIVER_RESP.value
    BIND_TRANSMITTER_RESP = _COMMAND.BIND_TRANSMITTER_RESP.value
    QUERY_SM_RESP = _COMMAND.QUERY_SM_RESP.value
    SUBMIT_SM_RESP = _COMMAND.SUBMIT_SM_RESP.value
    DELIVER_SM_RESP = _COMMAND.DELIVER_SM_RESP.value
    UNBIND_RESP = _COMMAND.UNBIND_RESP.value
    REPLACE_SM_RESP = _COMMAND.REPLACE_SM_RESP.value
    CANCEL_SM_RESP = _COMMAND.CANCEL_SM_RESP.value
    BIND_TRANSCEIVER_RESP = _COMMAND.BIND_TRANSCEIVER_RESP.value
    ENQUIRE_LINK_RESP = _COMMAND.ENQUIRE_LINK_RESP.value
    SUBMIT_MULTI_RESP = _COMMAND.SUBMIT_MULTI_RESP.value
    DATA_SM_RESP = _COMMAND.DATA_SM_RESP.value

    @property
    def is_response(self) -> bool:
        """Whether the top bit is set; generic_nack counts as a response."""
        return self >= _RESPONSE_BIT

    @property
    def response(self) -> Command:
        """What answers it; itself, if it is a response."""
        return Command(self | _RESPONSE_BIT)


class CommandStatus(_OpenNumber):
    """``command_status`` (SMPP 3.4, 5.1.3). Vendors add their own, 0x400 to 0x4FF."""

    ESME_ROK = _STATUS.ESME_ROK.value
    ESME_RINVMSGLEN = _STATUS.ESME_RINVMSGLEN.value
    ESME_RINVCMDLEN = _STATUS.ESME_RINVCMDLEN.value
    ESME_RINVCMDID = _STATUS.ESME_RINVCMDID.value
    ESME_RINVBNDSTS = _STATUS.ESME_RINVBNDSTS.value
    ESME_RALYBND = _STATUS.ESME_RALYBND.value
    ESME_RINVPRTFLG = _STATUS.ESME_RINVPRTFLG.value
    ESME_RINVREGDLVFLG = _STATUS.ESME_RINVREGDLVFLG.value
    ESME_RSYSERR = _STATUS.ESME_RSYSERR.value
    ESME_RINVSRCADR = _STATUS.ESME_RINVSRCADR.value
    ESME_RINVDSTADR = _STATUS.ESME_RINVDSTADR.value
    ESME_RINVMSGID = _STATUS.ESME_RINVMSGID.value
    ESME_RBINDFAIL = _STATUS.ESME_RBINDFAIL.value
    ESME_RINVPASWD = _STATUS.ESME_RINVPASWD.value
    ESME_RINVSYSID = _STATUS.ESME_RINVSYSID.value
    ESME_RCANCELFAIL = _STATUS.ESME_RCANCELFAIL.value
    ESME_RREPLACEFAIL = _STATUS.ESME_RREPLACEFAIL.value
    ESME_RMSGQFUL = _STATUS.ESME_RMSGQFUL.value
    ESME_RINVSERTYP = _STATUS.ESME_RINVSERTYP.value
    ESME_RINVNUMDESTS = _STATUS.ESME_RINVNUMDESTS.value
    ESME_RINVDLNAME = _STATUS.ESME_RINVDLNAME.value
    ESME_RINVDESTFLAG = _STATUS.ESME_RINVDESTFLAG.value
    ESME_RINVSUBREP = _STATUS.ESME_RINVSUBREP.value
    ESME_RINVESMCLASS = _STATUS.ESME_RINVESMCLASS.value
    ESME_RCNTSUBDL = _STATUS.ESME_RCNTSUBDL.value
    ESME_RSUBMITFAIL = _STATUS.ESME_RSUBMITFAIL.value
    ESME_RINVSRCTON = _STATUS.ESME_RINVSRCTON.value
    ESME_RINVSRCNPI = _STATUS.ESME_RINVSRCNPI.value
    ESME_RINVDSTTON = _STATUS.ESME_RINVDSTTON.value
    ESME_RINVDSTNPI = _STATUS.ESME_RINVDSTNPI.value
    ESME_RINVSYSTYP = _STATUS.ESME_RINVSYSTYP.value
    ESME_RINVREPFLAG = _STATUS.ESME_RINVREPFLAG.value
    ESME_RINVNUMMSGS = _STATUS.ESME_RINVNUMMSGS.value
    ESME_RTHROTTLED = _STATUS.ESME_RTHROTTLED.value
    ESME_RINVSCHED = _STATUS.ESME_RINVSCHED.value
    ESME_RINVEXPIRY = _STATUS.ESME_RINVEXPIRY.value
    ESME_RINVDFTMSGID = _STATUS.ESME_RINVDFTMSGID.value
    ESME_RX_T_APPN = _STATUS.ESME_RX_T_APPN.value
    ESME_RX_P_APPN = _STATUS.ESME_RX_P_APPN.value
    ESME_RX_R_APPN = _STATUS.ESME_RX_R_APPN.value
    ESME_RQUERYFAIL = _STATUS.ESME_RQUERYFAIL.value
    ESME_RINVOPTPARSTREAM = _STATUS.ESME_RINVOPTPARSTREAM.value
    ESME_ROPTPARNOTALLWD = _STATUS.ESME_ROPTPARNOTALLWD.value
    ESME_RINVPARLEN = _STATUS.ESME_RINVPARLEN.value
    ESME_RMISSINGOPTPARAM = _STATUS.ESME_RMISSINGOPTPARAM.value
    ESME_RINVOPTPARAMVAL = _STATUS.ESME_RINVOPTPARAMVAL.value
    ESME_RDELIVERYFAILURE = _STATUS.ESME_RDELIVERYFAILURE.value
    ESME_RUNKNOWNERR = _STATUS.ESME_RUNKNOWNERR.value

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

    DEST_ADDR_SUBUNIT = _state.DEST_ADDR_SUBUNIT
    DEST_NETWORK_TYPE = _state.DEST_NETWORK_TYPE
    DEST_BEARER_TYPE = _state.DEST_BEARER_TYPE
    DEST_TELEMATICS_ID = _state.DEST_TELEMATICS_ID
    SOURCE_ADDR_SUBUNIT = _state.SOURCE_ADDR_SUBUNIT
    SOURCE_NETWORK_TYPE = _state.SOURCE_NETWORK_TYPE
    SOURCE_BEARER_TYPE = _state.SOURCE_BEARER_TYPE
    SOURCE_TELEMATICS_ID = _state.SOURCE_TELEMATICS_ID
    QOS_TIME_TO_LIVE = _state.QOS_TIME_TO_LIVE
    PAYLOAD_TYPE = _state.PAYLOAD_TYPE
    ADDITIONAL_STATUS_INFO_TEXT = _state.ADDITIONAL_STATUS_INFO_TEXT
    RECEIPTED_MESSAGE_ID = _state.RECEIPTED_MESSAGE_ID
    MS_MSG_WAIT_FACILITIES = _state.MS_MSG_WAIT_FACILITIES
    PRIVACY_INDICATOR = _state.PRIVACY_INDICATOR
    SOURCE_SUBADDRESS = _state.SOURCE_SUBADDRESS
    DEST_SUBADDRESS = _state.DEST_SUBADDRESS
    USER_MESSAGE_REFERENCE = _state.USER_MESSAGE_REFERENCE
    USER_RESPONSE_CODE = _state.USER_RESPONSE_CODE
    SOURCE_PORT = _state.SOURCE_PORT
    DESTINATION_PORT = _state.DESTINATION_PORT
    SAR_MSG_REF_NUM = _state.SAR_MSG_REF_NUM
    LANGUAGE_INDICATOR = _state.LANGUAGE_INDICATOR
    SAR_TOTAL_SEGMENTS = _state.SAR_TOTAL_SEGMENTS
    SAR_SEGMENT_SEQNUM = _state.SAR_SEGMENT_SEQNUM
    SC_INTERFACE_VERSION = _state.SC_INTERFACE_VERSION
    CALLBACK_NUM_PRES_IND = _state.CALLBACK_NUM_PRES_IND
    CALLBACK_NUM_ATAG = _state.CALLBACK_NUM_ATAG
    NUMBER_OF_MESSAGES = _state.NUMBER_OF_MESSAGES
    CALLBACK_NUM = _state.CALLBACK_NUM
    DPF_RESULT = _state.DPF_RESULT
    SET_DPF = _state.SET_DPF
    MS_AVAILABILITY_STATUS = _state.MS_AVAILABILITY_STATUS
    NETWORK_ERROR_CODE = _state.NETWORK_ERROR_CODE
    MESSAGE_PAYLOAD = _state.MESSAGE_PAYLOAD
    DELIVERY_FAILURE_REASON = _state.DELIVERY_FAILURE_REASON
    MORE_MESSAGES_TO_SEND = _state.MORE_MESSAGES_TO_SEND
    MESSAGE_STATE = _state.MESSAGE_STATE
    USSD_SERVICE_OP = _state.USSD_SERVICE_OP
    DISPLAY_TIME = _state.DISPLAY_TIME
    SMS_SIGNAL = _state.SMS_SIGNAL
    MS_VALIDITY = _state.MS_VALIDITY
    ALERT_ON_MESSAGE_DELIVERY = _state.ALERT_ON_MESSAGE_DELIVERY
    ITS_REPLY_TYPE = _state.ITS_REPLY_TYPE
    ITS_SESSION_INFO = _state.ITS_SESSION_INFO


class TON(_OpenNumber):
    """Type of number (SMPP 3.4, 5.2.5)."""

    UNKNOWN = _state.TON.UNKNOWN.value
    INTERNATIONAL = _state.TON.INTERNATIONAL.value
    NATIONAL = _state.TON.NATIONAL.value
    NETWORK_SPECIFIC = _state.TON.NETWORK_SPECIFIC.value
    SUBSCRIBER_NUMBER = _state.TON.SUBSCRIBER_NUMBER.value
    ALPHANUMERIC = _state.TON.ALPHANUMERIC.value
    ABBREVIATED = _state.TON.ABBREVIATED.value


class NPI(_OpenNumber):
    """Numbering plan (SMPP 3.4, 5.2.6)."""

    UNKNOWN = _state.NPI.UNKNOWN.value
    ISDN = _state.NPI.ISDN.value
    DATA = _state.NPI.DATA.value
    TELEX = _state.NPI.TELEX.value
    LAND_MOBILE = _state.NPI.LAND_MOBILE.value
    NATIONAL = _state.NPI.NATIONAL.value
    PRIVATE = _state.NPI.PRIVATE.value
    ERMES = _state.NPI.ERMES.value
    INTERNET = _state.NPI.INTERNET.value
    WAP_CLIENT_ID = _state.NPI.WAP_CLIENT_ID.value


class DataCoding(_OpenNumber):
    """``data_coding`` (SMPP 3.4, 5.2.19); the platform looks only at 0 and 3."""

    DEFAULT = _CODING.gsm0338.value
    IA5 = _CODING.ascii.value
    OCTETS = _CODING.octet_unspecified_I.value
    LATIN1 = _CODING.latin_1.value
    OCTETS_II = _CODING.octet_unspecified_II.value
    JIS = _CODING.iso2022_jp.value
    CYRILLIC = _CODING.iso8859_5.value
    HEBREW = _CODING.iso8859_8.value
    UCS2 = _CODING.ucs2.value
    PICTOGRAM = _CODING.shift_jis.value
    ISO_2022_JP = _CODING.iso2022jp.value
    KS_C_5601 = _CODING.euc_kr.value


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
