"""``Outbox``: enqueue and forget, and ask later what became of it."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.lifecycle import gone
from sms_traffic_async.message_rules import KEY_MAX, label_problem
from sms_traffic_async.messages import Message, Via
from sms_traffic_async.outbox.codec import Codec, group_of
from sms_traffic_async.outbox.sqlite import SQLiteStore
from sms_traffic_async.outbox.stats import OutboxStats
from sms_traffic_async.outbox.store import DONE, Entry, Row, State, Store
from sms_traffic_async.secrets import Secret
from sms_traffic_async.telemetry import Hook, Telemetry, read_hooks

if TYPE_CHECKING:
    from sms_traffic_async.outbox.running import Running
    from sms_traffic_async.outbox.worker import Worker
    from sms_traffic_async.session import SmsTraffic

__all__ = ("Outbox", "store_at")

GRACE: Final = 10.0
PRIORITY_MAX: Final = 1_000_000
_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql://", "postgres://")
_48_BITS: Final = (1 << 48) - 1
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def store_at(where: str | os.PathLike[str] | Secret, *, clock: Clock = SYSTEM_CLOCK) -> Store:
    """The store that a URL or a path means.

    Args:
        where: a path or ``sqlite:///path`` for a file; ``postgresql://…`` for a database.
        clock: wall time.

    Raises:
        ConfigurationError: it means nothing, or an extra is missing.
    """
    named = where.reveal() if isinstance(where, Secret) else os.fspath(where)
    if named.startswith(_POSTGRES):
        secret = Secret(named)
        del where, named  # a traceback printed with locals shows this frame
        try:
            from sms_traffic_async.outbox.postgres import PostgresStore
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "an outbox on PostgreSQL needs: pip install 'sms-traffic-async[postgres]'"
            ) from error
        made: Store = PostgresStore(secret)
        return made
    if "://" in named and not named.startswith(_SQLITE):
        raise ConfigurationError("an outbox is a path, sqlite:///path or postgresql://…")
    return SQLiteStore(Path(named.removeprefix(_SQLITE)), clock=clock)


class Outbox:
    """A durable queue: what was enqueued is sent, whatever happens to the process; see the package.

    ::

        async with Outbox("outbox.db") as outbox:
            id = await outbox.enqueue(Message(to="79161112233", text="Ваш заказ готов"), key="order-8412")

    and, here or in ``sms-traffic worker``, ``await outbox.run(sms)``.

    Every call that asks the store or changes something in it raises ``StorageError`` where the store fails
    (``StorageClosed`` where it is not open). Cancelled, a change may be made all the same.

    Args:
        where: a path, ``sqlite:///path``, ``postgresql://…``, or a ``Store``.
        encryption_key: Fernet keys, newest first: numbers and texts are kept encrypted.
        hooks: told of what the worker does.
        clock: time.

    Raises:
        ConfigurationError: nothing that can be used.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | Secret | Store,
        *,
        encryption_key: Secret | str | Sequence[Secret | str] | None = None,
        hooks: Hook | Sequence[Hook] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.store: Store = store_at(where, clock=clock) if isinstance(where, (str, os.PathLike, Secret)) else where
        del where
        self._codec = Codec(encryption_key)
        del encryption_key
        self._telemetry = Telemetry(hooks=read_hooks(hooks))
        self._clock = clock
        self._running: Running | None = None

    async def open(self) -> None:
        """Open the store; what ``async with`` does.

        Raises:
            ConfigurationError: another process has the file, or the tables are of another version.
            StorageError: it cannot be opened.
        """
        await self.store.open()

    async def aclose(self) -> None:
        """Close the store. What is enqueued stays."""
        await self.store.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def enqueue(
        self,
        message: Message,
        *,
        key: str | None = None,
        priority: int = 0,
        not_before: datetime | float | None = None,
        conn: object | None = None,
    ) -> str:
        """Keep a message to be sent; returns when it is on the disk.

        Args:
            message: what to send. ``expires_in`` counts from now: past it, it is not sent.
            key: your own id, or the message's: a second call with it gives the first one's id and keeps nothing.
            priority: higher goes first.
            not_before: an aware time, or seconds from now.
            conn: your PostgreSQL connection with a transaction open: the message is kept if that is committed.

        Returns:
            The id to ask by.

        Raises:
            InvalidMessage: ``not_before`` is no time, ``key`` no label, ``priority`` no whole number.
            StorageError: it was not kept.

        Cancellation: it may be kept all the same; with ``key=`` a repeat is harmless.
        """
        entry = self._entry(message, key, priority, not_before)
        del message
        return (await self.store.add([entry], conn=conn))[0]

    async def enqueue_many(
        self,
        messages: Iterable[Message],
        *,
        priority: int = 0,
        not_before: datetime | float | None = None,
        conn: object | None = None,
    ) -> list[str]:
        """Keep several, all or none; each message's own ``key`` makes a repeat harmless. Otherwise as ``enqueue``."""
        entries = [self._entry(message, None, priority, not_before) for message in messages]
        return await self.store.add(entries, conn=conn) if entries else []

    def _entry(self, message: Message, key: str | None, priority: int, not_before: datetime | float | None) -> Entry:
        delay = 0.0 if not_before is None else self._delay(not_before)
        if key is not None and (problem := label_problem("key", key, KEY_MAX)) is not None:
            raise problem
        if priority and not (type(priority) is int and abs(priority) <= PRIORITY_MAX):
            raise InvalidMessage("priority", str(priority), f"a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}")
        return Entry(
            id=_new_id(self._clock.wall()),
            trace=self._telemetry.traceparent(),
            body=self._codec.encode(message),
            key=message.key if key is None else key,
            group=group_of(message),
            priority=priority,
            delay=delay,
            lives=message.expires_in,
        )

    def _delay(self, not_before: datetime | float) -> float:
        if isinstance(not_before, datetime):
            if not_before.tzinfo is None:
                raise InvalidMessage("not_before", str(not_before), "an aware time, or seconds from now")
            return max(0.0, not_before.timestamp() - self._clock.wall())
        if not 0 <= not_before < float("inf"):
            raise InvalidMessage("not_before", str(not_before), "an aware time, or seconds from now")
        return float(not_before)

    async def status(self, name: str) -> Row | None:
        """What is known of a message, by its id or your key."""
        return await self.store.get(name)

    def message(self, row: Row) -> Message:
        """The message of a row.

        Raises:
            Unreadable: it is encrypted with another key.
        """
        return self._codec.decode(row.body)

    async def counts(self) -> Mapping[State, int]:
        """How many messages there are in each state."""
        return await self.store.counts()

    async def stats(self) -> OutboxStats:
        """Messages by state, and what the workers of this process do.

        Raises:
            StorageError: the store cannot be asked.
        """
        workers = self.workers
        return OutboxStats(
            messages=MappingProxyType(dict(await self.counts())),
            workers=None if workers is None else len(workers),
            under_way=sum(worker.under_way for worker in workers or ()),
            paused=max((worker.paused for worker in workers or ()), default=0.0),
        )

    async def held(self, *, after: str | None = None, limit: int = 100) -> list[Row]:
        """Messages that wait for money, a credential or somebody: ``retry`` or ``cancel`` them."""
        return await self.store.listing([State.HELD], after=after, limit=limit)

    async def unknown(self, *, after: str | None = None, limit: int = 100) -> list[Row]:
        """Messages that may have gone out: ``resolve`` them, or ``retry`` them and risk a second SMS."""
        return await self.store.listing([State.UNKNOWN], after=after, limit=limit)

    async def cancel(self, name: str) -> bool:
        """Do not send it any more. ``False``: it is under way, finished, or unknown."""
        return await self.store.cancel(name)

    async def retry(self, name: str) -> bool:
        """Send it (again), whatever was known of it; of an unknown one a second SMS may go out."""
        return await self.store.retry(name)

    async def resolve(self, name: str, state: State = State.ACCEPTED, *, message_ids: Sequence[str] = ()) -> bool:
        """Write down what somebody found out about an unknown message: ACCEPTED, FINAL or REJECTED."""
        return await self.store.resolve(name, state, message_ids=message_ids)

    async def purge(self, older_than: float, *, states: Iterable[State] = DONE) -> int:
        """Delete messages that have been in these states for so many seconds; gives how many."""
        wanted = sorted(states)
        if not older_than >= 0 or set(wanted) & {State.PENDING, State.SENDING, State.AMBIGUOUS}:
            raise ConfigurationError("purge takes seconds, and states in which nothing is to be done any more")
        total = 0
        while found := await self.store.purge(wanted, older_than=older_than):
            total += found
        return total

    @property
    def workers(self) -> tuple[Worker, ...] | None:
        """Those at work in the latest ``run``; ``None`` before it.

        By SMPP on PostgreSQL there are none while other processes hold the places to bind at.
        """
        return None if self._running is None else tuple(self._running.workers)

    async def run(
        self,
        sms: SmsTraffic,
        *,
        via: Via | None = None,
        at_once: int | None = None,
        most: int | None = None,
        lease: float | None = None,
        until_empty: bool = False,
        stop: asyncio.Event | None = None,
        grace: float = GRACE,
    ) -> None:
        """Send what it holds with an open session, until ``stop`` is set (or nothing is left to do).

        Args:
            sms: the session.
            via: the protocol; ``None`` takes the session's first.
            at_once: requests under way; ``None`` takes ``HttpOptions.in_flight`` for v2, and 64 for the others.
            most: messages of a request (v2); ``None`` takes ``HttpOptions.batch``.
            lease: seconds (30). On PostgreSQL, what this worker has under way goes to another one after this long
                without a sign of life: it died, or hangs. It gives one three times as often, however long a request
                takes.
            until_empty: return when nothing is pending and nothing is under way.
            stop: set it, and no more is claimed; what is under way has ``grace`` seconds to end.
            grace: see ``stop``.

        Raises:
            StorageClosed: the outbox was closed.
            ConfigurationError: the session cannot be used, or a number makes no sense.

        Cancellation: at once, or when the session that binds has closed; the next worker finds out about what is sent.
        """
        from sms_traffic_async.outbox.running import Running
        from sms_traffic_async.outbox.worker import Worker

        def make(session: SmsTraffic) -> Worker:
            return Worker(
                self.store,
                session,
                self._codec,
                via=via,
                at_once=at_once,
                most=most,
                lease=lease,
                telemetry=self._telemetry,
                clock=self._clock,
            )

        work = self._running = Running(self.store, sms, make, self._clock)
        running = asyncio.create_task(work.run(until_empty=until_empty), name="sms-traffic outbox")
        stopped = asyncio.create_task((stop or asyncio.Event()).wait(), name="sms-traffic outbox stop")
        try:
            await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
            work.stop()
            await asyncio.wait([running], timeout=grace)
        finally:
            for task in (running, stopped):
                task.cancel()
            await gone(running, stopped)
        if not running.cancelled() and (error := running.exception()) is not None:
            raise error


_chance = random.Random()  # noqa: S311 - ids have to differ, and keep no secret
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_chance.seed)  # two processes never make the same ids


def _new_id(now: float) -> str:
    """A UUID of version 7: ids that were made one after another stand side by side in an index."""
    time, rest = f"{int(now * 1_000) & _48_BITS:012x}", f"{_chance.getrandbits(76):019x}"
    return f"{time[:8]}-{time[8:]}-7{rest[:3]}-{_VARIANT[rest[3]]}{rest[4:7]}-{rest[7:]}"
