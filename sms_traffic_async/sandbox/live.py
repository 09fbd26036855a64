"""What happened since: a bounded log of changes that any number of readers follow at their own pace.

Only names of what changed are kept, never copies: a reader gets each message
once a batch, as it stands then. A reader that fell behind the log is told to
read everything again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, Final, NamedTuple

import orjson

from sms_traffic_async.sandbox import control_json as shown
from sms_traffic_async.sandbox.clock import ClockStopped
from sms_traffic_async.sandbox.life import StatusChange
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("Batch", "Live")

KEEP_CHANGES: Final = 10_000
MOST_MESSAGES: Final = 500
GATHER: Final = 0.1
"""Seconds between two batches: a page needs no more than ten a second, whatever the traffic."""
HEARTBEAT: Final = 15.0
MOST_READERS: Final = 100


class Batch(NamedTuple):
    """What one reader gets at once.

    Attributes:
        revision: where it stands after it; what ``Last-Event-ID`` says when it comes back.
        messages: those that came or changed, each once, as they stand now.
        topics: what else changed: ``faults``, ``clock``, ``pushes``, ``accounts`` …
        reload: too much was missed: read everything again.
    """

    revision: int
    messages: tuple[StoredMessage, ...] = ()
    topics: tuple[str, ...] = ()
    reload: bool = False


class Live:
    """The changes of one sandbox."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._changes: deque[StoredMessage | str] = deque(maxlen=KEEP_CHANGES)
        self._readers: set[asyncio.Future[None]] = set()
        self.revision: int = 0
        self.readers: int = 0
        platform.arrivals.append(self._arrived)
        platform.life.listeners.append(self._changed)

    def say(self, topic: str) -> None:
        """Something else than a message changed."""
        self._note(topic)

    def _arrived(self, message: StoredMessage) -> None:
        self._note(message)

    def _changed(self, change: StatusChange) -> None:
        self._note(change.message)

    def _note(self, change: StoredMessage | str) -> None:
        self._changes.append(change)
        self.revision += 1
        for reader in tuple(self._readers):
            if not reader.done():
                reader.set_result(None)

    def since(self, revision: int) -> Batch:
        """Everything after a revision, at once."""
        missed = self.revision - revision
        if not 0 <= missed <= len(self._changes):
            return Batch(self.revision, reload=True)
        messages: dict[str, StoredMessage] = {}
        topics: dict[str, None] = {}
        for change in list(self._changes)[len(self._changes) - missed :] if missed else ():
            if isinstance(change, str):
                topics[change] = None
            else:
                messages[change.id] = change
        if "reset" in topics or len(messages) > MOST_MESSAGES:
            return Batch(self.revision, topics=tuple(topics), reload=True)
        return Batch(self.revision, tuple(messages.values()), tuple(topics))

    async def events(self, revision: int | None) -> AsyncGenerator[bytes]:
        """Server-sent events until the reader goes or the sandbox closes.

        Args:
            revision: after which; ``None`` starts with now.

        Cancellation: ends the stream; others go on.
        """
        here = self.revision if revision is None else revision
        self.readers += 1
        try:
            yield b"retry: 1000\n\n" + _event(self._platform, Batch(here))
            while True:
                if here == self.revision and not await self._news():
                    yield b": still here\n\n"
                    continue
                await asyncio.sleep(GATHER)
                batch = self.since(here)
                here = batch.revision
                yield _event(self._platform, batch)
        except ClockStopped:
            return
        finally:
            self.readers -= 1

    async def _news(self) -> bool:
        reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._readers.add(reader)
        timer = asyncio.get_running_loop().call_later(HEARTBEAT, _end, reader)
        before = self.revision
        try:
            await self._platform.clock.pending(reader)
        finally:
            timer.cancel()
            self._readers.discard(reader)
        return self.revision != before


def _end(reader: asyncio.Future[None]) -> None:
    if not reader.done():
        reader.set_result(None)


def _event(platform: Platform, batch: Batch) -> bytes:
    value: dict[str, Any] = {
        "messages": [shown.message_json(one, platform.clock) for one in batch.messages],
        "topics": batch.topics,
        "reload": batch.reload,
        "now": platform.clock.datetime().isoformat(timespec="milliseconds"),
        "total": platform.store.shown,
    }
    return b"id: %d\ndata: %b\n\n" % (batch.revision, orjson.dumps(value))
