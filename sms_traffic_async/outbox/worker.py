"""Emptying an outbox: claims, units under way, leases, pauses, and statuses that come back.

Rules
-----
1. One loop claims; each unit is a task of the worker's own task group.
2. Every result is written until the store takes it, or the worker is cancelled: then
   the unit's lease runs out and its truth is found out again.
3. Where there is no money, or the credentials are not accepted, everything waits; one
   message goes first when the pause is over, and its acceptance lets the held ones go.
   It is one that waits, if there is any: the held one may be refused for its own sake.
   A worker that finds held ones when it starts begins so: the new key came with it.
4. ``stop`` is the orderly end: no new claims, units under way end by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar, cast

from sms_traffic_async.choice import configured
from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Via
from sms_traffic_async.outbox.codec import Codec
from sms_traffic_async.outbox.events import OutboxPaused, OutboxSettled, OutboxTrouble
from sms_traffic_async.outbox.following import Following
from sms_traffic_async.outbox.gate import Gate, share_of
from sms_traffic_async.outbox.sending import Errand
from sms_traffic_async.outbox.store import Result, State, Store, Unit
from sms_traffic_async.outbox.verdicts import again_after
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.storage.sqlite import StorageClosed, StorageError
from sms_traffic_async.telemetry import Telemetry, get_logger

__all__ = ("Worker", "bare")

T = TypeVar("T")

LEASE: Final = 30.0
LONGEST_WAIT: Final = 30.0
PAUSE: Final = 60.0
LONGEST_PAUSE: Final = 600.0
UNKEYED_AT_ONCE: Final = 64
HELD_LOOK: Final = 1_000
"""Held messages that are looked at when a worker starts; where there are more, some of them wait for money."""

_log = get_logger("outbox")


class Worker:
    """One worker; ``await run()``.

    Args:
        store: opened.
        sms: an open session.
        codec: reads what the store keeps.
        via: the protocol; ``None`` takes the session's first.
        at_once: units under way.
        most: members of a unit (v2).
        lease: seconds; what a worker holds and says nothing of for so long is somebody else's.
        telemetry: told and counts what happens.
        clock: time.

    Raises:
        ConfigurationError: a number that makes no sense, or the session has no credentials.

    Attributes:
        telemetry: counters ``outbox.*`` by state.
    """

    def __init__(
        self,
        store: Store,
        sms: SmsTraffic,
        codec: Codec,
        *,
        via: Via | None = None,
        at_once: int | None = None,
        most: int | None = None,
        lease: float | None = None,
        telemetry: Telemetry | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        settings = sms.settings
        self._lease = LEASE if lease is None else lease
        if type(self._lease) not in {int, float} or not 0 < self._lease < math.inf:
            raise ConfigurationError("lease is a number of seconds greater than 0")
        _check_counts(at_once=at_once, most=most)
        self.via: Via = via or _first_of(sms)
        keyed = self.via == "v2"
        self._store = store
        self._sms = sms
        self._codec = codec
        self._most = (settings.http.batch if most is None else most) if keyed else 1
        unasked = settings.http.in_flight if keyed else UNKEYED_AT_ONCE
        self._at_once = unasked if at_once is None else at_once
        self.telemetry: Telemetry = telemetry or Telemetry()
        self._clock = clock
        self._active: dict[str, Unit] = {}
        self._held_at = 0.0
        self._news = asyncio.Event()
        self._following = Following(store, sms, self._kept, clock)
        self._stopping = False
        self._paused_until = 0.0
        self._pauses = 0

    @property
    def under_way(self) -> int:
        """Units that are being sent."""
        return len(self._active)

    @property
    def paused(self) -> float:
        """Seconds for which nothing is claimed, because the account was refused."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    def wake(self) -> None:
        """Look again now."""
        self._news.set()

    def stop(self) -> None:
        """Claim no more; ``run`` returns when what is under way has ended."""
        self._stopping = True
        self._news.set()

    async def run(self, *, until_empty: bool = False) -> None:
        """Send what the outbox holds, until ``stop`` (or, if so wanted, until nothing is left to do).

        Raises:
            StorageClosed: the outbox was closed under it.
            ConfigurationError: the session is closed or cannot be used.

        Cancellation: what is being sent is found out about by the next worker.
        """
        self._store.listen(self.wake)
        share = share_of(self._sms.settings, self.via)
        turns = None if share is None else self._store.turns(*share)
        gate = Gate(self._sms.guard, turns, self.via, self._clock)
        try:
            await self._work(gate, until_empty=until_empty)
        except BaseExceptionGroup as group:
            raise bare(group) from None

    async def _work(self, gate: Gate, *, until_empty: bool) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._hold(), name="sms-traffic outbox leases"),
                group.create_task(self._following.follow(), name="sms-traffic outbox statuses"),
                group.create_task(self._following.catch_up(), name="sms-traffic outbox catching up"),
            ]
            try:
                await self._following.ready.wait()  # what is sent before is not followed
                if not until_empty and await self._held_before():
                    self._pauses = 1  # one goes first, as after a pause
                await self._claims(group, gate, until_empty=until_empty)
                while self._active:
                    await self._pause(LONGEST_WAIT)
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _claims(self, group: asyncio.TaskGroup, gate: Gate, *, until_empty: bool) -> None:
        while not self._stopping:
            self._news.clear()
            free = self._at_once - len(self._active)
            wait = self.paused
            if wait:
                await self._pause(wait)
                continue
            probing = self._pauses > 0
            if probing:
                free = 1 if not self._active else 0
            units: list[Unit] = []
            if free:
                units = await self._claimed(1 if probing else self._most, free)
                if probing and not units:
                    await self._kept(partial(self._store.release, 1))
                    units = await self._claimed(1, free)
            for unit in units:
                self._active[unit.token] = unit
                group.create_task(self._carry(unit, gate), name="sms-traffic outbox unit")
            if units:
                continue
            due = await self._tried(partial(self._store.next_due, self.via))
            if until_empty and not self._active and due is None:
                return
            if len(self._active) >= self._at_once or (probing and self._active):
                due = LONGEST_WAIT
            await self._pause(LONGEST_WAIT if due is None else min(max(due, 0.05), LONGEST_WAIT))

    async def _held_before(self) -> bool:
        """Whether an earlier worker left what waits for money or a credential: nobody else will let it go."""
        rows = await self._kept(partial(self._store.listing, [State.HELD], limit=HELD_LOOK))
        return len(rows) == HELD_LOOK or any(row.code is not None for row in rows)

    async def _claimed(self, most: int, free: int) -> list[Unit]:
        if self._active and self._clock.monotonic() - self._held_at > self._lease / 2:
            # This process was stopped for a while: what it has under way is its own still, if nobody else has it.
            await self._renew()
        work = partial(self._store.claim, via=self.via, most=most, units=free, lease=self._lease)
        return await self._tried(work) or []

    async def _carry(self, unit: Unit, gate: Gate) -> None:
        try:
            results = await self._sent(unit, gate)
            if results is None:
                self.telemetry.stats.count("outbox.lost_tokens")
                return
            self._judge(results)
            if not await self._kept(partial(self._store.settle, unit, results)):
                self.telemetry.stats.count("outbox.lost_tokens")
                return
            self._tell(unit, results)
            await self._late(results)
        finally:
            self._active.pop(unit.token, None)
            self._news.set()

    async def _sent(self, unit: Unit, gate: Gate) -> Sequence[Result] | None:
        try:
            return await Errand(self._sms, self._store, self._codec, unit, self.via, gate).run()
        except StorageClosed:
            raise
        except StorageError as error:  # before anything was sent
            self._trouble(error)
            await self._clock.sleep(1.0)
            return []

    def _judge(self, results: Sequence[Result]) -> None:
        held = next((one for one in results if one.state is State.HELD and one.code is not None), None)
        if held is not None and not self.paused:  # what was under way with the first is the same refusal
            self._pauses += 1
            seconds = again_after(self._pauses, PAUSE, LONGEST_PAUSE)
            self._paused_until = self._clock.monotonic() + seconds
            _log.error("outbox: nothing is sent for %.0f s: %s", seconds, held.reason)
            self.telemetry.emit(OutboxPaused(seconds=seconds, reason=held.reason or ""))

    def _tell(self, unit: Unit, results: Sequence[Result]) -> None:
        for state, count in Counter(one.state for one in results).items():
            self.telemetry.stats.count(f"outbox.{state.value}", count)
            self.telemetry.emit(OutboxSettled(state=state, count=count, attempts=unit.attempts))

    async def _late(self, results: Sequence[Result]) -> None:
        """What was heard of messages before their acceptance was on the disk; and held ones may go again."""
        await self._following.accepted(results)
        if self._pauses and any(one.state is State.ACCEPTED for one in results):
            self._pauses = 0
            self._paused_until = 0.0
            while await self._kept(partial(self._store.release, 1_000)):
                pass

    # --- time, and a store that may fail

    async def _hold(self) -> None:
        while True:
            await self._clock.sleep(self._lease / 3)
            await self._renew()

    async def _renew(self) -> None:
        self._held_at = self._clock.monotonic()
        if self._active:
            await self._tried(partial(self._store.renew, list(self._active.values()), lease=self._lease))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        if self._active or self._stopping:
            self._news.clear()

    async def _tried(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Once; a store that fails is told of, and waited for a moment."""
        try:
            return await work()
        except StorageClosed:
            raise
        except StorageError as error:
            self._trouble(error)
            await self._clock.sleep(1.0)
            return None

    async def _kept(self, work: Callable[[], Awaitable[T]]) -> T:
        """Until the store takes it: what is known of an SMS is not given up."""
        failures = 0
        while True:
            try:
                return await work()
            except StorageClosed:
                raise
            except StorageError as error:
                failures += 1
                self._trouble(error)
                await self._clock.sleep(again_after(failures, 0.5, 30.0))

    def _trouble(self, error: StorageError) -> None:
        _log.error("outbox: the store fails: %s", error)
        self.telemetry.stats.count("outbox.store_errors")
        self.telemetry.emit(OutboxTrouble(error=type(error).__name__))


def bare(error: BaseException) -> BaseException:
    """The one error that a task group failed with, without the groups around it; with several, the group."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        within: tuple[BaseException, ...] = cast("BaseExceptionGroup[BaseException]", found).exceptions
        if len(within) != 1:
            return error
        (found,) = within
    return found


def _first_of(sms: SmsTraffic) -> Via:
    available = configured(sms.settings)
    if not available:
        raise ConfigurationError("the worker's session has no credentials")
    return available[0]


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and (type(count) is not int or count < 1):
            raise ConfigurationError(f"{name} is a whole number greater than 0")
