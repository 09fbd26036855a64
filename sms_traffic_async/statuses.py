"""What became of a message: statuses, delivery error codes, and their order.

Tables of the document: "Справка по статусам СМС сообщений" and "Список кодов
ошибок в поле err отчёта о доставке". Both enumerations are open: a value that
no table lists is kept as it came and never raises.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms_traffic_async.meanings import StatusText

__all__ = ("DeliveryErrorCode", "MessageStatus", "receipt_state", "supersedes")


class MessageStatus(enum.StrEnum):
    """A status as the platform spells it; equal to, and hashed as, that string.

    ``MessageStatus.read("...")`` takes anything. A word that is not listed here
    makes a value of its own (``.known`` is false, ``.is_final`` is false).
    """

    PENDING = ""
    """No status yet: waiting, scheduled, or sent without a word from the operator."""
    ACCEPTD = "Acceptd"
    """Intermediate; not in the document, met by clients in production."""
    BUFFERED = "Buffered SMSC"
    DELIVERED = "Delivered"
    NON_DELIVERED = "Non Delivered"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    DELETED = "Deleted"
    UNKNOWN = "Unknown status"
    """The operator never told; final by the document."""
    LOST_NOTIFICATION = "Lost Notification"
    """Final; not in the document, met by clients in production."""
    READ = "Read"
    CLICKED = "Clicked"
    CHECKED = "Checked"

    @classmethod
    def _missing_(cls, value: object) -> MessageStatus | None:
        if not isinstance(value, str):
            return None
        listed = _BY_FOLDED.get(_fold(value))
        if listed is not None:
            return listed
        # A value of its own, not stored anywhere: a peer cannot make the class grow.
        made = str.__new__(cls, value)
        made._value_ = value
        made._name_ = "UNLISTED"
        return made

    @classmethod
    def read(cls, raw: object) -> MessageStatus:
        """A status from the wire, whatever it is; never raises.

        Case, outer and repeated white space do not matter, ``None`` is
        ``PENDING``, and what is not a string is kept as its string.
        """
        if raw is None:
            return cls.PENDING
        text = raw if isinstance(raw, str) else str(raw)
        # cls(text) costs five times this look-up, and reports have millions of rows.
        listed = _BY_WIRE.get(text)
        return cls(text.strip()) if listed is None else listed

    @classmethod
    def from_receipt(cls, state: int | str | None) -> MessageStatus:
        """The status that a receipt's ``stat`` word or ``message_state`` number means.

        Args:
            state: ``DELIVRD`` and the like (7 letters or written out), or 0-9;
                ``None`` where the receipt has neither. Others are kept.
        """
        if state is None:
            return cls.PENDING
        if isinstance(state, int):
            word = _STATE_WORDS[state] if 0 <= state < len(_STATE_WORDS) else f"message_state {int(state)}"
        else:
            word = state.strip()
        meant = _BY_RECEIPT_WORD.get(word.upper())
        return cls.read(word) if meant is None else meant

    @property
    def known(self) -> bool:
        """Whether it is listed here."""
        return self in _RANKS

    @property
    def is_final(self) -> bool:
        """No further change is expected; Delivered may still become Read, Clicked or Checked."""
        return self.rank >= _FINAL_RANK

    @property
    def may_be_upgraded(self) -> bool:
        """Delivered: final, yet some channels tell more (document, "Delivered")."""
        return self == "Delivered"

    @property
    def is_delivered(self) -> bool:
        """Delivered, Read, Clicked or Checked: the text reached the phone."""
        return self in _DELIVERED

    @property
    def rank(self) -> int:
        """How far along it is: 0 nothing, 1-2 under way, 3 unlisted, 4 final, 5 more than delivered."""
        return _RANKS.get(self, _UNLISTED_RANK)

    @property
    def text(self) -> StatusText:
        """The document's words for it, all at once."""
        from sms_traffic_async.meanings import STATUS_TEXTS, UNLISTED_STATUS

        return STATUS_TEXTS.get(self, UNLISTED_STATUS)

    @property
    def label_ru(self) -> str:
        """Its name in the platform's cabinet; the status itself where there is none."""
        return self.text.label_ru or str(self)

    @property
    def meaning(self) -> str:
        """What it means, in English."""
        return self.text.meaning

    @property
    def meaning_ru(self) -> str:
        """What it means, in the document's Russian."""
        return self.text.meaning_ru

    @property
    def reasons(self) -> tuple[str, ...]:
        """Possible reasons, in English."""
        return self.text.reasons

    @property
    def reasons_ru(self) -> tuple[str, ...]:
        """Possible reasons, in the document's Russian."""
        return self.text.reasons_ru


def supersedes(old: MessageStatus | None, new: MessageStatus) -> bool:
    """Whether ``new`` replaces ``old`` in a record of one message.

    Nothing < Acceptd < Buffered SMSC < unlisted words < finals, and of the
    finals only Delivered is followed, by Read, Clicked or Checked. So a late or
    repeated report never takes a message back, and a final that contradicts an
    earlier final changes nothing (keep it as an event).

    Args:
        old: what is recorded; ``None`` for nothing at all.
        new: what has just been heard.
    """
    if old is None:
        return True
    if old.is_final:
        return old.may_be_upgraded and new.rank > old.rank
    return new.rank > old.rank


def receipt_state(status: MessageStatus) -> tuple[int, str]:
    """``message_state`` and ``stat`` with which an SMSC reports a status.

    Statuses that SMPP has no word for become the nearest: Read, Clicked and
    Checked are DELIVRD, no status is ENROUTE, anything else UNKNOWN.
    """
    number = 2 if status.is_delivered else _STATE_OF.get(status, 7)
    return number, _STATE_WORDS[number]


def _fold(text: str) -> str:
    return " ".join(text.replace("_", " ").split()).casefold()


_BY_WIRE = {status.value: status for status in MessageStatus}
_BY_FOLDED = {_fold(status.value): status for status in MessageStatus}
_DELIVERED = frozenset({"Delivered", "Read", "Clicked", "Checked"})
_UNLISTED_RANK, _FINAL_RANK = 3, 4
_RANKS = dict.fromkeys(_BY_WIRE, _FINAL_RANK) | {
    "": 0, "Acceptd": 1, "Buffered SMSC": 2, "Read": 5, "Clicked": 5, "Checked": 5,
}  # fmt: skip

# SMPP 3.4, 5.2.28 and appendix B; 0 and 9 are of SMPP 5.0, 4.7.15.
_STATE_WORDS = (
    "SCHEDULED", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED",
)  # fmt: skip
_STATE_OF = {
    MessageStatus.PENDING: 1,
    MessageStatus.BUFFERED: 1,
    MessageStatus.EXPIRED: 3,
    MessageStatus.DELETED: 4,
    MessageStatus.NON_DELIVERED: 5,
    MessageStatus.ACCEPTD: 6,
    MessageStatus.REJECTED: 8,
}
_BY_RECEIPT_WORD = {
    "SCHEDULED": MessageStatus.PENDING,
    "ENROUTE": MessageStatus.BUFFERED,
    "ACCEPTD": MessageStatus.BUFFERED,
    "ACCEPTED": MessageStatus.BUFFERED,
    "DELIVRD": MessageStatus.DELIVERED,
    "UNDELIV": MessageStatus.NON_DELIVERED,
    "UNDELIVERABLE": MessageStatus.NON_DELIVERED,
    "REJECTD": MessageStatus.REJECTED,
    "UNKNOWN": MessageStatus.UNKNOWN,
}


class DeliveryErrorCode(enum.IntEnum):
    """The operator's reason, field ``err`` of a receipt and ``error_code`` of a push.

    Equal to, and hashed as, its number. A number that is not listed makes a
    value of its own.
    """

    NONE = 0
    """Delivered, or the operator told no reason."""
    ABSENT_SUBSCRIBER = 1
    CALL_BARRED = 2
    UNKNOWN_SUBSCRIBER = 3
    MEMORY_CAPACITY_EXCEEDED = 4
    EQUIPMENT_PROTOCOL_ERROR = 5
    TELESERVICE_NOT_PROVISIONED = 6
    FACILITY_NOT_SUPPORTED = 7
    SUBSCRIBER_BUSY = 8
    ROAMING_RESTRICTIONS = 9
    TIMEOUT = 10
    SS7_ROUTING_ERROR = 11
    INTERNAL_SYSTEM_FAILURE = 12
    SMSC_FAILURE = 13
    ILLEGAL_SUBSCRIBER = 14
    MESSAGE_QUEUE_FULL = 15
    INVALID_SOURCE_ADDRESS = 16
    UNROUTABLE_DIRECTION = 17

    @classmethod
    def _missing_(cls, value: object) -> DeliveryErrorCode | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        made = int.__new__(cls, value)
        made._value_ = value
        made._name_ = "UNLISTED"
        return made

    @classmethod
    def read(cls, raw: object) -> DeliveryErrorCode | None:
        """A code from the wire (``3``, ``"003"``); ``None`` where there is no number. Never raises."""
        if isinstance(raw, str):
            digits = raw.strip()
            # The document gives it three digits; nine keep int() cheap and the value sane.
            if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:  # noqa: PLR2004
                return None
            return cls(int(digits))
        if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < 10**9:
            return None
        return cls(raw)

    @property
    def known(self) -> bool:
        """Whether the document's table lists it (0 included)."""
        return 0 <= self <= 17  # noqa: PLR2004 - the table's last row

    @property
    def meaning(self) -> str:
        """The document's English words."""
        return self._texts[0]

    @property
    def meaning_ru(self) -> str:
        """The document's Russian words."""
        return self._texts[1]

    @property
    def _texts(self) -> tuple[str, str]:
        from sms_traffic_async.meanings import ERROR_TEXTS

        if not self.known:
            return (
                f"Error code {int(self)}, which the document does not list",
                f"Код ошибки {int(self)}, которого нет в документе",
            )
        return ERROR_TEXTS[self]
