"""The platform's refusals in SMPP's words (document, "Типичные ошибки")."""

from __future__ import annotations

from typing import Final

from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus

__all__ = ("TEMPORARY", "of_refusal")

_BY_CODE: Final[dict[int, CommandStatus]] = {
    **dict.fromkeys((419, *range(425, 433)), CommandStatus.ESME_RINVDSTADR),
    **dict.fromkeys((421, 436), CommandStatus.ESME_RINVSRCADR),
    **dict.fromkeys((405, 420, 423, 424), CommandStatus.ESME_RINVMSGLEN),
    1000: CommandStatus.ESME_RSYSERR,
}
TEMPORARY: Final = frozenset(
    {
        CommandStatus.ESME_RMSGQFUL,
        CommandStatus.ESME_RX_T_APPN,
        CommandStatus.ESME_RTHROTTLED,
        CommandStatus.ESME_RSYSERR,
    }
)
"""Answers to a deliver_sm after which it is delivered again later; others end it."""


def of_refusal(code: int) -> CommandStatus:
    """The status for a code of the table "Коды ошибок API".

    The document names a status for a bad sender and a bad number only. Without
    money a bind is refused; for a message it says nothing: ESME_RSUBMITFAIL.
    """
    return _BY_CODE.get(code, CommandStatus.ESME_RSUBMITFAIL)
