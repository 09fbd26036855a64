"""One ``run`` of an outbox: a worker on the session that was given, or on those that an election binds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from sms_traffic_async.clock import Clock
from sms_traffic_async.lifecycle import gone
from sms_traffic_async.outbox.store import Binder, Store
from sms_traffic_async.outbox.worker import Worker, bare
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.storage.sqlite import StorageClosed, StorageError

__all__ = ("Running",)

SEAT_GRACE: Final = 5.0
"""Seconds for what is under way where a place to bind at is lost; the platform refuses a second binder meanwhile."""
LOOK: Final = 1.0
"""Seconds between two looks at an outbox that others empty."""


class Running:
    """Made for one use: ``await Running(...).run()``.

    Args:
        store: opened.
        sms: the session.
        make: makes a worker for a session.
        clock: sleeping.

    Attributes:
        workers: at work now; none where another process holds the places to bind at.
    """

    def __init__(self, store: Store, sms: SmsTraffic, make: Callable[[SmsTraffic], Worker], clock: Clock) -> None:
        self._store = store
        self._sms = sms
        self._make = make
        self._clock = clock
        self.workers: list[Worker] = []
        self._stopping = False
        self._until_empty = False
        self._ending = False
        self._over = asyncio.Event()
        self._error: StorageClosed | None = None

    def stop(self) -> None:
        """No more is claimed; ``run`` returns when what is under way has ended."""
        self._stopping = True
        for worker in self.workers:
            worker.stop()
        self._look()

    async def run(self, *, until_empty: bool = False) -> None:
        """Send, until stopped or, if so wanted, until nothing is left to do.

        Raises:
            StorageClosed: the outbox was closed under it.
            ConfigurationError: the session cannot be used.
        """
        self._until_empty = until_empty
        first = self._make(self._sms)
        binder = self._store.binder(self._sms, self._use) if first.via == "smpp" else None
        if binder is None:
            await self._work(first)
            return
        try:
            await self._stand(binder)
        except BaseExceptionGroup as group:
            raise bare(group) from None
        if self._error is not None:
            raise self._error

    async def _stand(self, binder: Binder) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(binder.run(), name="sms-traffic outbox binder")]
            if self._until_empty:
                helpers.append(group.create_task(self._watch(), name="sms-traffic outbox watch"))
            try:
                await self._over.wait()
            finally:
                self._ending = True
                for helper in helpers:
                    helper.cancel()

    async def _use(self, session: SmsTraffic) -> None:
        worker = self._make(session)
        working = asyncio.create_task(self._work(worker), name="sms-traffic outbox seat")
        try:
            await asyncio.wait([working])
        finally:
            if not working.done():
                # The place is lost, as with every restart of the database: what is on its way is answered in a moment.
                worker.stop()
                try:
                    await asyncio.wait([working], timeout=0.0 if self._ending else SEAT_GRACE)
                finally:
                    working.cancel()
                    await gone(working)
        try:
            working.result()
        except StorageClosed as error:
            self._error = error
            self._over.set()

    async def _work(self, worker: Worker) -> None:
        if self._stopping:
            return
        self.workers.append(worker)
        try:
            await worker.run(until_empty=self._until_empty)
        finally:
            self.workers.remove(worker)
            self._look()

    def _look(self) -> None:
        if self._stopping and not self.workers:
            self._over.set()

    async def _watch(self) -> None:
        """Whoever holds no place cannot tell by itself that nothing is left."""
        while True:
            await self._clock.sleep(LOOK)
            try:
                if not self.workers and await self._store.next_due("smpp") is None:
                    self._over.set()
            except StorageClosed:
                raise
            except StorageError:
                continue
