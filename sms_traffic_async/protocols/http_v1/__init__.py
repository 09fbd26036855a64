"""HTTP API v1: forms out, XML in, a login and a password. Also mailing lists and incoming messages."""

from __future__ import annotations

from sms_traffic_async.protocols.http_v1.client import HttpV1
from sms_traffic_async.protocols.http_v1.lists import Lists
from sms_traffic_async.protocols.http_v1.models import (
    CheckedReply,
    CheckFailure,
    GroupReply,
    IncompleteIncoming,
    MailingList,
    MembersReply,
    Recipient,
    SendEvidence,
    SendReply,
    SentPart,
    StatusesReply,
)

__all__ = (
    "CheckFailure",
    "CheckedReply",
    "GroupReply",
    "HttpV1",
    "IncompleteIncoming",
    "Lists",
    "MailingList",
    "MembersReply",
    "Recipient",
    "SendEvidence",
    "SendReply",
    "SentPart",
    "StatusesReply",
)
