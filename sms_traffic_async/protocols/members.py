"""Messages of the protocols without a key of the sender's: HTTP v1, SOAP, e-mail. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sms_traffic_async import message_rules as rules
from sms_traffic_async.addresses import Region
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.secrets import mask_phone

__all__ = ("Member", "Recipient", "SendEvidence", "in_order")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recipient:
    """One recipient of ``v1.send``, ``soap.send_individual`` or ``smtp.send``.

    Attributes:
        to: the number; normalised to digits.
        text: a text of its own, instead of the common one.
        push_id: your id for it, answered beside the platform's: no colon and
            no white space, at most 128 characters. The library makes one
            where it needs one.
        region: how ``to`` is read, as in ``Message``; not compared.

    Raises:
        InvalidMessage: naming the field, the value masked, and the rule.
    """

    to: str
    text: str | None = None
    push_id: str | None = None
    region: Region | None = field(default=None, compare=False)

    # Written out, because a traceback printed with locals shows this frame too (see Message).
    def __init__(
        self, *, to: str | int, text: str | None = None, push_id: str | None = None, region: Region | None = None
    ) -> None:
        store = object.__setattr__
        store(self, "to", to)
        store(self, "text", text)
        store(self, "push_id", push_id)
        store(self, "region", region)
        del to, text, push_id
        problem = _settle(self)
        if problem is not None:
            raise problem

    def __repr__(self) -> str:
        return f"Recipient(to={mask_phone(self.to)!r})"


def _settle(recipient: Recipient) -> InvalidMessage | None:
    digits, problem = rules.read_phone(recipient.to, recipient.region)
    object.__setattr__(recipient, "to", digits)
    if recipient.text is not None:
        problem = problem or rules.text_problem(recipient.text)
    if recipient.push_id is not None:
        problem = problem or rules.label_problem("push_id", recipient.push_id, rules.ID_MAX)
        if problem is None and any(char == ":" or char.isspace() for char in recipient.push_id):
            problem = InvalidMessage("push_id", f"<{len(recipient.push_id)} characters>", "no colon, no white space")
    return problem


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Member:
    """One message of a request.

    Attributes:
        index: its place in what the caller gave.
        key: its id in errors and submissions.
        to: the number; "" for a whole group.
        text: its own text; ``None`` where it gets the common one.
        push_id: what it is recognised by in the answer; not in SOAP.
        parts: estimated number of parts.
        parts_exact: whether the document leaves no doubt about it.
        encoding: ``gsm7`` or ``ucs2``, as estimated.
        label: there is nothing to look a message up by.
    """

    index: int
    key: str
    to: str
    text: str | None = None
    push_id: str | None = None
    parts: int = 1
    parts_exact: bool = True
    encoding: str | None = None
    label: str | None = None

    def __repr__(self) -> str:
        return f"Member(key={self.key!r}, to={mask_phone(self.to)!r})"


def in_order(found: Mapping[str | None, T], numbers: Sequence[str]) -> list[T] | None:
    """What an answer says under each number, where it may name some of them in another form (a Moscow 495 number).

    Args:
        found: by the answer's numbers, in its order.
        numbers: those that were sent.

    Returns:
        One for each number, if there are as many as were sent and every one that is ours stands in its own place;
        else ``None``: the order proves nothing.
    """
    runs = list(found.items())
    if len(runs) != len(numbers) or any(
        phone != number and phone in numbers for (phone, _), number in zip(runs, numbers, strict=True)
    ):
        return None
    return [said for _, said in runs]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendEvidence:
    """All that is known of a message whose outcome is not (``OutcomeUnknown.evidence``).

    There is nothing to look it up by: the cabinet, a report over v2 or a status
    push can tell.

    Attributes:
        key: the id the library gave it, or your push_id.
        push_id: the one it was sent with, if any.
        nodes: the nodes that were tried, in order, each once.
        first_attempt_at: when the first request began (aware, UTC).
        last_attempt_at: when the last request that may have been taken ended.
        attempts: how many requests.
        to: the number; not printed.
    """

    key: str
    push_id: str | None
    nodes: tuple[str, ...]
    first_attempt_at: datetime
    last_attempt_at: datetime
    attempts: int
    to: str

    def __repr__(self) -> str:
        return (
            f"SendEvidence(key={self.key!r}, nodes={self.nodes!r}, "
            f"first_attempt_at={self.first_attempt_at.isoformat()!r}, "
            f"last_attempt_at={self.last_attempt_at.isoformat()!r}, attempts={self.attempts})"
        )
