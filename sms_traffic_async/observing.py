"""Sends as scoped hooks see them: where each begins, in its caller's context, and how it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import InvalidMessage, SendError
from sms_traffic_async.events import SendEnded, SendStarted
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.telemetry import CALLS, ORIGINS, Telemetry

if TYPE_CHECKING:
    from sms_traffic_async.fallback import Submit

__all__ = ("Observed", "observed")

_NUMBERS: Final = itertools.count(1)


class Observed:
    """One send under way: a context manager of its caller's task. ``sent`` says how it ended well.

    Args:
        telemetry: has scoped hooks.
        clock: time.
        via: the protocol.
        messages: how many.
        inherited: what ``telemetry.capture`` gave, where the work began in another task.
    """

    def __init__(
        self, telemetry: Telemetry, clock: Clock, via: str, *, messages: int = 1, inherited: tuple[Any, ...] = ()
    ) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._via = via
        self._messages = messages
        self._inherited = inherited
        self._ending: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._call = next(_NUMBERS)
        self._began = self._clock.monotonic()
        self._token = CALLS.set((self._call,))
        started = SendStarted(call=self._call, via=self._via, messages=self._messages, origins=ORIGINS.get())
        self._ended = self._telemetry.begin(started, self._inherited)
        return self

    def sent(self, outcome: str, submission: Submission | None = None) -> None:
        """How it ended; with what the platform took, if it was one message."""
        self._ending = {"outcome": outcome}
        if submission is not None:
            self._via = submission.via
            self._ending |= {
                "node": submission.node,
                "attempts": submission.attempts,
                "parts": submission.parts,
                "message_ids": submission.message_ids,
            }

    def sent_all(self, outcomes: Sequence[Submission | SendError]) -> None:
        """The outcome of each message; of none where the request was refused as a whole, and is to be halved."""
        if len(outcomes) == 1 and isinstance(outcomes[0], Submission):
            self.sent("accepted", outcomes[0])
            return
        names = {"accepted" if isinstance(one, Submission) else one.outcome.value for one in outcomes} or {"rejected"}
        self.sent(names.pop() if len(names) == 1 else "several")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        CALLS.reset(self._token)
        ending = self._ending if error is None else _ending(error)
        seconds = self._clock.monotonic() - self._began
        self._ended(SendEnded(call=self._call, via=self._via, seconds=seconds, **ending))


def _ending(error: BaseException) -> dict[str, Any]:
    name = type(error).__name__
    if isinstance(error, SendError):
        return {"outcome": error.outcome.value, "error": name, "code": error.code, "node": error.node}
    if isinstance(error, InvalidMessage):
        return {"outcome": "invalid", "error": name}
    return {"outcome": "cancelled" if isinstance(error, asyncio.CancelledError) else "failed", "error": name}


def observed(submit: Submit, telemetry: Telemetry, clock: Clock, via: str, *, elsewhere: bool = False) -> Submit:
    """The same, with scoped hooks told of every message.

    Args:
        submit: sends one.
        telemetry: has scoped hooks.
        clock: time.
        via: the protocol that is tried first.
        elsewhere: it is called in other tasks: what is current now is current there.
    """
    inherited = telemetry.capture() if elsewhere else ()

    async def send(message: Message, /, *, timeout: float | None = None) -> Submission:  # noqa: ASYNC109 - the deadline of the whole call
        with Observed(telemetry, clock, via, inherited=inherited) as scope:
            submission = await (submit(message) if timeout is None else submit(message, timeout=timeout))
            scope.sent("accepted", submission)
            return submission

    return send
