"""Sending by e-mail, both variants of the document. A letter that was taken is handed over, not accepted."""

from __future__ import annotations

from sms_traffic_async.protocols.smtp.client import Smtp
from sms_traffic_async.protocols.smtp.forwarded import LetterTemplate, read_forwarded
from sms_traffic_async.protocols.smtp.models import ReplyLetter
from sms_traffic_async.protocols.smtp.wire import read_reply

__all__ = ("LetterTemplate", "ReplyLetter", "Smtp", "read_forwarded", "read_reply")
