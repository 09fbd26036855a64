"""From a call to what it says: the checks before the body, the body under its bounds, the parsers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from sms_traffic_async.clock import Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.protocols.http.caps import BodyTooLarge, read_capped
from sms_traffic_async.protocols.pushes import (
    BadItem,
    InboundPush,
    PushKind,
    StatusPush,
    is_json,
    kind_of,
    read_inbound,
    read_parameters,
    read_status_form,
    read_statuses,
)
from sms_traffic_async.protocols.pushes.forms import Fields, decode_value
from sms_traffic_async.secrets import Secret
from sms_traffic_async.telemetry import Stats
from sms_traffic_async.webhooks.exchange import Incoming, Reply
from sms_traffic_async.webhooks.gate import Gate, same_secret
from sms_traffic_async.webhooks.options import WebhookOptions
from sms_traffic_async.webhooks.routes import METHODS

__all__ = ("BUSY", "Push", "Reader", "Serves")

Push: TypeAlias = StatusPush | InboundPush | BadItem | None
"""What a call says; ``None`` if nothing."""
Serves: TypeAlias = Callable[[PushKind], bool]

BUSY = Reply(status=503, body=b"not taken, send it again")
_NOT_FOUND = Reply(status=404, body=b"not found")
_CLOSE = {"connection": "close"}
_LENGTH_DIGITS = 9


class Reader:
    """Reads calls.

    Args:
        gate: who may come in.
        options: the bounds.
        stats: counters.
        complaints: where refusals are told.
        clock: for the time a message came.
    """

    def __init__(self, gate: Gate, options: WebhookOptions, stats: Stats, complaints: Complaints, clock: Clock) -> None:
        self._gate = gate
        self._options = options
        self._stats = stats
        self._complaints = complaints
        self._clock = clock

    def refusal(self, incoming: Incoming, serves: Serves) -> Reply | None:
        """What to answer before the body is read; ``None``: read it."""
        if not self._gate.knows(incoming.secrets):
            return self._no("secret")
        if not self._gate.admits(incoming.peer, incoming.headers.get("x-forwarded-for", "")):
            return self._no("network")
        if incoming.kind is not None and not serves(incoming.kind):
            return self._no("kind")
        allowed = METHODS[incoming.kind]
        if incoming.method not in allowed:
            return Reply(status=405, body=b"method not allowed", headers={"allow": ", ".join(allowed)})
        if incoming.headers.get("content-encoding", "identity").strip().lower() != "identity":
            return Reply(status=415, body=b"compressed", headers=_CLOSE)
        return self._long(incoming.headers.get("content-length", "0").strip())

    async def read(self, incoming: Incoming, serves: Serves) -> Push | Reply:
        """What the call says, or what to answer.

        Raises:
            Disconnected: the caller went away.
        """
        try:
            async with asyncio.timeout(self._options.body_timeout):
                body = await read_capped(incoming.chunks, None, self._options.max_body_bytes)
        except TimeoutError:
            self._stats.count("webhooks.refused_slowness")
            return Reply(status=408, body=b"too slow", headers=_CLOSE)
        except BodyTooLarge:
            return self._oversized()
        content_type = incoming.headers.get("content-type", "")
        fields: Fields | None = None
        kind = incoming.kind
        if kind in {None, "statuses"} and is_json(body, content_type):
            kind = "statuses"
        else:
            fields = read_parameters(incoming.query, body)
            kind = kind or kind_of(fields)
        if kind is None:
            return self._nothing(incoming.query, body)
        if not serves(kind):
            return self._no("kind")
        return self._parse(kind, body, fields, content_type)

    def _parse(self, kind: PushKind, body: bytes, fields: Fields | None, content_type: str) -> Push | Reply:
        if fields is None:
            return read_statuses(body, most=self._options.max_items)
        if kind == "statuses":
            return read_status_form(fields, content_type=content_type)
        push = read_inbound(
            fields,
            kind=kind,
            charset=self._options.charset,
            content_type=content_type,
            received_at=datetime.fromtimestamp(self._clock.wall(), UTC),
        )
        if push.kind == "short_number" and not self._knows_password(fields):
            return self._no("password")
        return push

    def _nothing(self, query: bytes, body: bytes) -> BadItem | None:
        """A URL that somebody tries out, or something nobody knows."""
        if body:
            return BadItem(kind=None, reason="neither a status nor a message", raw=body)
        if not query:
            self._stats.count("webhooks.empty")
        return None

    def _knows_password(self, fields: Fields) -> bool:
        known = self._options.short_number_password
        if known is None:
            return True
        return same_secret(decode_value(fields.get("password", b""), "auto")[0], Secret(known))

    def _long(self, length: str) -> Reply | None:
        digits = length.isascii() and length.isdigit() and len(length) <= _LENGTH_DIGITS
        return None if digits and int(length) <= self._options.max_body_bytes else self._oversized()

    def _oversized(self) -> Reply:
        self._stats.count("webhooks.refused_size")
        self._complaints.about("a push was longer than %d bytes", self._options.max_body_bytes)
        return Reply(status=413, body=b"too long", headers=_CLOSE)

    def _no(self, why: str) -> Reply:
        self._stats.count(f"webhooks.refused_{why}")
        self._complaints.about("pushes were refused: wrong %s", why)
        return _NOT_FOUND
