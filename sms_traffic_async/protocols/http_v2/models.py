"""What goes into and comes out of HTTP API v2: values only.

Names are the library's; the platform's spelling lives in ``wire``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sms_traffic_async import message_rules as rules
from sms_traffic_async.addresses import Region
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http.replies import CheckedReply, CheckFailure, Outcomes, StatusesReply
from sms_traffic_async.secrets import mask_phone

__all__ = (
    "Addressed",
    "CheckFailure",
    "CheckedReply",
    "Destination",
    "Fault",
    "Outcome",
    "SendAnswer",
    "SendEvidence",
    "SendReply",
    "SendRequest",
    "SentDestination",
    "StatusesReply",
)

RESTRICTIVE_ID_MAX = 36


class Addressed(Protocol):
    """What a request says of one recipient: a `Destination`, or a message of a shared batch."""

    @property
    def to(self) -> str:
        """The number."""
        ...

    @property
    def text(self) -> str | None:
        """A text of its own."""
        ...

    @property
    def params(self) -> Mapping[str, str] | None:
        """Values for the common text."""
        ...

    @property
    def tracking_data(self) -> str | None:
        """Its label."""
        ...

    @property
    def plain(self) -> bool:
        """It has a text and a label and no params, and neither needs an escape in JSON."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Destination:
    """One recipient of a ``/v2/send``.

    Attributes:
        to: the number; normalised to digits.
        text: a text of its own, instead of the common one.
        params: values for ``[[name]]`` in the common text. Whether the platform
            expands them in a text of its own is not documented.
        tracking_data: your label, at most 40 characters; without one the
            library makes one.
        region: how ``to`` is read, as in ``Message``; not compared.

    Raises:
        InvalidMessage: naming the field, the value masked, and the rule.
    """

    to: str
    text: str | None = None
    params: Mapping[str, str] | None = field(default=None, hash=False)
    tracking_data: str | None = None
    region: Region | None = field(default=None, compare=False)

    # Written out, because a traceback printed with locals shows this frame too (see Message).
    def __init__(
        self,
        *,
        to: str | int,
        text: str | None = None,
        params: Mapping[str, str] | None = None,
        tracking_data: str | None = None,
        region: Region | None = None,
    ) -> None:
        store = object.__setattr__
        store(self, "to", to)
        store(self, "text", text)
        store(self, "params", params)
        store(self, "tracking_data", tracking_data)
        store(self, "region", region)
        del to, text, params, tracking_data
        problem = _settle(self)
        if problem is not None:
            raise problem

    @property
    def plain(self) -> bool:
        """Always false: what a caller gives is not looked through."""
        return False

    def __repr__(self) -> str:
        return f"Destination(to={mask_phone(self.to)!r})"


def _settle(destination: Destination) -> InvalidMessage | None:
    digits, problem = rules.read_phone(destination.to, destination.region)
    object.__setattr__(destination, "to", digits)
    if destination.text is not None:
        problem = problem or rules.text_problem(destination.text)
    if destination.params is not None:
        params, wrong = rules.read_params(destination.params)
        object.__setattr__(destination, "params", params)
        problem = problem or wrong
    if destination.tracking_data is not None:
        problem = problem or rules.label_problem("tracking_data", destination.tracking_data, rules.TRACKING_DATA_MAX)
    return problem


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendRequest:
    """Everything a ``/v2/send`` can say. ``None`` is left out of the request.

    Attributes:
        destinations: the recipients, at least one.
        text: the common text.
        originator: the sender.
        tracking_data: the label of every destination that has none of its own.
        transliterate: let the platform turn Cyrillic into Latin letters.
        max_parts: the platform cuts what is longer, in silence.
        validity: seconds the platform tries to deliver (``timeout``, which
            stands in the document's example only).
        start_at: not before this time (aware).
        local_time: read ``start_at`` in the subscriber's zone. Sent with every
            ``start_at``, because the platform's default is true.
        batch_name: the name of the mailing.
        restrictive_id: the platform refuses a second request with it for an hour.
    """

    destinations: tuple[Addressed, ...]
    text: str | None = None
    originator: str | None = None
    tracking_data: str | None = None
    transliterate: bool | None = None
    max_parts: int | None = None
    validity: int | None = None
    start_at: datetime | None = None
    local_time: bool = False
    batch_name: str | None = None
    restrictive_id: str | None = None

    def __repr__(self) -> str:
        return f"SendRequest({len(self.destinations)} destinations, restrictive_id={self.restrictive_id!r})"


class SentDestination(NamedTuple):
    """What the answer says of one destination.

    Attributes:
        message_id: the id; ``None`` where none can be read. One beside a
            ``fault`` proves nothing: the document's example has both.
        fault: why this destination was not taken.
        raw: the object as it came.
    """

    phone: str | None
    message_id: str | None
    tracking_data: str | None = None
    fault: Fault | None = None
    raw: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"SentDestination(message_id={self.message_id!r}, fault={self.fault!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """A ``/v2/send`` that was taken as a whole.

    Attributes:
        destinations: what it says of each.
        ids: instead of those, where it was asked by label and says of each
            label, in order, that it was taken: the ids.
    """

    destinations: tuple[SentDestination, ...] = ()
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReply(Outcomes):
    """What became of each destination of ``v2.send``.

    Attributes:
        restrictive_id: the id the request went out under.
    """

    restrictive_id: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendEvidence:
    """All that is needed to find out what became of a message (``OutcomeUnknown.evidence``).

    Attributes:
        key: the id the library, or the caller, gave it.
        restrictive_ids: the ids its requests went out under, in order.
        tracking_data: the label it can be looked up by.
        own_label: the label was made by the library and is unique.
        nodes: the nodes that were tried, in order, each once.
        first_attempt_at: when the first request began (aware, UTC).
        last_attempt_at: when the last request that may have been taken ended.
        attempts: how many requests.
        to: the number; not printed.
    """

    key: str
    restrictive_ids: tuple[str, ...]
    tracking_data: str
    own_label: bool
    nodes: tuple[str, ...]
    first_attempt_at: datetime
    last_attempt_at: datetime
    attempts: int
    to: str

    def __repr__(self) -> str:
        return (
            f"SendEvidence(key={self.key!r}, restrictive_ids={self.restrictive_ids!r}, nodes={self.nodes!r}, "
            f"first_attempt_at={self.first_attempt_at.isoformat()!r}, "
            f"last_attempt_at={self.last_attempt_at.isoformat()!r}, attempts={self.attempts})"
        )
