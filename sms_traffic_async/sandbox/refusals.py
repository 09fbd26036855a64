"""The platform's "no": a code and its English text.

The texts are the platform's own words as printed in the older edition of the
document, with live wording where it was seen (432). Values go into the places
marked ``{}``: the platform names the number and the text in its errors.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("INVALID_FORMAT", "Refusal", "refuse")

_TEXTS: dict[int, str] = {
    103: "destinations field is empty",
    104: "trackingData is too long",
    105: "Duplicated request",
    106: "restrictiveId is too long",
    401: "login param is missing",
    402: "password parameter is missing",
    403: "phones parameter is missing",
    404: "Incompatible parameters",
    405: "message parameter is missing",
    407: "phones parameter is empty",
    411: "Authentication failed",
    412: "Wrong IP",
    413: 'No such group: "{}"',
    414: "Group is empty",
    415: "Not enough funds to complete the operation",
    416: 'Invalid start_date format: "{}"',
    417: 'start date "{}" is in the past',
    418: "SMS ids could not be provided for scheduled messages",
    419: "You are not allowed to use this route",
    420: 'Message "{}" is too long',
    421: "originator parameter is too long",
    422: 'Phone is missing in line "{}": "{}"',
    423: 'Message for phone "{}" is empty',
    424: 'Message "{}" for phone "{}" is too long',
    425: 'Phone "{}" is too short. No messages has been sent',
    426: 'Phone "{}" is too long. No messages has been sent',
    427: '"{}": wrong phone length. No messages has been sent',
    428: '"{}": wrong phone format. No messages has been sent',
    429: '"{}": unsupported phone. No messages has been sent',
    430: '"{}": invalid phone. No messages has been sent',
    431: 'No open subscriptions for +"{}". No messages has been sent',
    432: "blocked phone: {}. No messages has been sent",
    433: "sms_id parameter is missing",
    434: "No such message or this message does not belong to you",
    435: 'Can\'t cancel message "{}"',
    436: 'Originator "{}" is forbidden',
    437: 'The message is longer than 160 characters after transliteration "{}"',
    438: "Template found in message, but group is not set",
    439: "You can't send SMS by HTTP",
    440: '"phones" parameter is not set or set incorrectly',
    504: "Start date is more than 30 days in the future",
    1000: "Temporary error",
}


class Refusal(NamedTuple):
    """A code of the table "Коды ошибок API" and the text that goes with it."""

    code: int
    text: str


INVALID_FORMAT = Refusal(105, "Invalid request format")
"""What v2 says to a body it cannot read (document, statuses/list); the code is 105 there too."""


def refuse(code: int, *values: object) -> Refusal:
    """The platform's words for a code; a code without words of its own gets "Error" and its number."""
    text = _TEXTS.get(code)
    return Refusal(code, f"Error {code}" if text is None else text.format(*values) if values else text)
