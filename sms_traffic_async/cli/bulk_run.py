"""Sending the rows of a file, in the order of the file, with a journal."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Any

from sms_traffic_async.cli.bulk_journal import TO_DO, Fate, Journal
from sms_traffic_async.cli.bulk_recipe import Recipe, RowProblem
from sms_traffic_async.cli.bulk_rows import Row, RowFile
from sms_traffic_async.cli.output import UsageError
from sms_traffic_async.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidMessage,
    NotSent,
    Outcome,
    PermissionDenied,
    SendError,
)
from sms_traffic_async.messages import Message, SendResult

__all__ = ("FINISH_SECONDS", "Run")

FINISH_SECONDS = 10.0
"""After the first Ctrl-C, for what is under way."""
GROUP = 250
"""Rows that are written down as begun together. So many more than are under way can be unknown after a kill."""
HOPELESS = 50
"""Rows in a row that failed for a reason which is not theirs."""
_FOR_ALL = (AuthenticationFailed, PermissionDenied, InsufficientFunds)


class Run:
    """One run over the rows that are still to do.

    Args:
        rows: the file.
        recipe: what a row becomes.
        journal: what is known of the rows; written on.
        told: called with each row and what became of it.
        group: rows that are begun together.
    """

    def __init__(
        self,
        rows: RowFile,
        recipe: Recipe,
        journal: Journal,
        *,
        told: Callable[[Row, Fate, dict[str, Any]], None],
        group: int = GROUP,
    ) -> None:
        self._rows = rows.rows()
        self._recipe = recipe
        self._journal = journal
        self._told = told
        self._group_size = group
        self._ready: deque[tuple[Row, Message]] = deque()
        self._under_way: dict[int, Row] = {}
        self._handed = 0
        self._failures_in_a_row = 0
        self._reading = threading.Lock()
        self._closed = False
        self.stopping: bool = False
        self.error: SendError | None = None
        """Why the run was given up: nothing that follows could go better."""

    def stop(self) -> None:
        """Begin no more rows."""
        self.stopping = True

    async def messages(self) -> AsyncGenerator[Message]:
        """What is to be sent; each row is written down before its message is handed out."""
        while not self.stopping:
            if not self._ready and not await asyncio.to_thread(self._begin_some):
                return
            row, message = self._ready.popleft()
            self._under_way[self._handed] = row
            self._handed += 1
            yield message

    def _begin_some(self) -> bool:
        """In a thread: reading, and waiting for the disk."""
        with self._reading:
            if self._closed:
                return False
            some: list[tuple[Row, Message]] = []
            for row in self._rows:
                if self._journal.fates[row.number] not in TO_DO:
                    continue
                some.append((row, self._message(row)))
                if len(some) >= self._group_size:
                    break
            if some:
                self._journal.begin([row.number for row, _ in some])
                self._ready.extend(some)
            return bool(some)

    def _message(self, row: Row) -> Message:
        try:
            return self._recipe.message(row, self._journal.label(row.number))
        except RowProblem as problem:
            changed = str(problem)
        raise UsageError(f"line {row.line} has changed while it was sent: {changed}")

    def close(self) -> None:
        """No more is read; what was begun and not handed out is given back."""
        self.stopping = True
        with self._reading:  # a thread may be at it still
            self._closed = True
            self._journal.release([row.number for row, _ in self._ready])
            self._ready.clear()

    def record(self, result: SendResult) -> None:
        """Write down what became of one."""
        row = self._under_way.pop(result.index)
        fate, facts = outcome(result)
        self._journal.end(row.number, fate, facts)
        self._told(row, fate, facts)
        error = result.error
        if isinstance(error, _FOR_ALL):
            self._give_up(error)
        elif isinstance(error, SendError) and error.retryable and not (
            isinstance(error, NotSent) and error.reason == "closed"
        ):  # fmt: skip
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= HOPELESS:
                self._give_up(error)
        else:
            self._failures_in_a_row = 0

    def _give_up(self, error: SendError) -> None:
        self.error = self.error or error
        self.stopping = True


def outcome(result: SendResult) -> tuple[Fate, dict[str, Any]]:
    """What is written down of a result; neither number nor text."""
    sent, error = result.submission, result.error
    if sent is not None:
        return Fate.ACCEPTED, {"message_ids": sent.message_ids, "code": None, "parts": sent.parts, "reason": None}
    facts: dict[str, Any] = {
        "message_ids": (),
        "code": getattr(error, "code", None),
        "parts": None,
        "reason": f"{type(error).__name__}: {error}",
    }
    if isinstance(error, InvalidMessage) or error is None:
        return Fate.REJECTED, facts
    match error.outcome:
        case Outcome.UNKNOWN:
            return Fate.UNKNOWN, facts
        case Outcome.NOT_SENT:
            return Fate.NOT_SENT, facts
        case _:
            again = error.retryable or isinstance(error, _FOR_ALL)
            return Fate.REFUSED_FOR_NOW if again else Fate.REJECTED, facts
