"""Telling the platform that a one-time code was used: one call, shared requests.

The first call leaves at once; while it is under way others gather and share the
next request. So there is no timer, and a request for each code only while codes are rare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from sms_traffic_async.errors import ConfigurationError, InvalidMessage, RequestError, RequestFailed, RequestRefused
from sms_traffic_async.lifecycle import Spawn
from sms_traffic_async.messages import Submission

__all__ = ("Checks", "Mark", "Reply")

MOST_OF_ONE = 5_000
"""Ids of one request (document)."""
MOST_WAITING = 100_000


class _Failure(Protocol):
    @property
    def message_id(self) -> str: ...
    @property
    def error(self) -> str: ...
    @property
    def code(self) -> int | None: ...


class Reply(Protocol):
    """What ``mark_checked`` of v2 or v1 gives."""

    @property
    def updated(self) -> Sequence[str]:
        """Ids that were marked."""
        ...

    @property
    def failed(self) -> Sequence[_Failure]:
        """Ids that were not, and why."""
        ...


class Mark(Protocol):
    """How a request is made; raises RequestError."""

    async def __call__(self, ids: Sequence[str], /) -> Reply:
        """Mark these."""
        ...


class Checks:
    """Marks messages as checked (status ``Checked``); for a session.

    Args:
        mark: one request.
        spawn: starts a task; its owner awaits it.
    """

    def __init__(self, mark: Mark, *, spawn: Spawn) -> None:
        self._mark = mark
        self._spawn = spawn
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[Any] | None = None

    async def mark(self, message: Submission | str) -> None:
        """The subscriber used what was sent; idempotent, possible for 3 days after the sending.

        Args:
            message: what ``send`` returned, or a message id; of several parts, the first id.

        Raises:
            RequestRefused: the platform does not mark this message; ``code`` and the text say why.
            RequestError: no node answered. Doing it again is harmless.
            InvalidMessage: the id is not one.
            ConfigurationError: the message has no id.

        Cancellation: it may be marked all the same.
        """
        one = message if isinstance(message, str) else message.message_id
        if not one:
            raise ConfigurationError("there is no message id: the platform gave none")
        if len(self._waiting) >= MOST_WAITING:
            raise RequestFailed(f"{MOST_WAITING} messages wait to be marked already", operation="mark_checked")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(one, []).append(future)
        if self._task is None or self._task.done():
            self._task = self._spawn(self._run(), "mark checked")
        await future

    async def _run(self) -> None:
        batch: dict[str, list[asyncio.Future[None]]] = {}
        try:
            while self._waiting:
                batch = {one: self._waiting.pop(one) for one in list(self._waiting)[:MOST_OF_ONE]}
                await self._request(batch)
        except BaseException:
            # The session closes: nobody may be left waiting.
            error = RequestFailed("the session was closed", operation="mark_checked")
            for futures in (*batch.values(), *self._waiting.values()):
                _settle(futures, error)
            self._waiting.clear()
            raise

    async def _request(self, batch: dict[str, list[asyncio.Future[None]]]) -> None:
        try:
            reply = await self._mark(list(batch))
        except (InvalidMessage, RequestError) as error:
            if isinstance(error, InvalidMessage) and len(batch) > 1:
                # One malformed id fails alone, and the others still share their requests.
                ids, middle = list(batch), len(batch) // 2
                for half in (ids[:middle], ids[middle:]):
                    await self._request({one: batch[one] for one in half})
                return
            for futures in batch.values():
                _settle(futures, error)
            return
        failed = {failure.message_id: failure for failure in reply.failed}
        updated = set(reply.updated)
        for one, futures in batch.items():
            failure = failed.get(one)
            if failure is not None:
                _settle(futures, RequestRefused(failure.error, operation="mark_checked", code=failure.code))
            elif one in updated:
                _settle(futures, None)
            else:
                _settle(
                    futures, RequestFailed("the platform did not say whether it was marked", operation="mark_checked")
                )


def _settle(futures: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # whoever waits gets it; one that was cancelled just now does not
