"""The run of ``sms-traffic bulk``: signals, the meter, the session, and asking what became of what is unknown."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any

from sms_traffic_async.bulk import BulkSend
from sms_traffic_async.cli.bulk_journal import Fate, Journal
from sms_traffic_async.cli.bulk_recipe import Recipe
from sms_traffic_async.cli.bulk_results import row_record
from sms_traffic_async.cli.bulk_rows import Row, RowFile
from sms_traffic_async.cli.bulk_run import FINISH_SECONDS, GROUP, Run
from sms_traffic_async.cli.output import Output
from sms_traffic_async.cli.progress import Meter
from sms_traffic_async.cli.signals import signals
from sms_traffic_async.errors import RequestError, SendError
from sms_traffic_async.messages import Via
from sms_traffic_async.session import SmsTraffic

__all__ = ("Sending",)

ASKED_AT_ONCE = 100
FOUND = "found by its label: the platform has it"


class Sending:
    """Sends what a journal says is left.

    Args:
        sms: entered and closed here.
        rows: the file.
        recipe: what a row becomes.
        journal: what is known of the rows.
        output: for ``--json`` and for notes.
        left: rows to send.
        rate: SMS parts a second.
    """

    def __init__(
        self,
        sms: SmsTraffic,
        rows: RowFile,
        recipe: Recipe,
        journal: Journal,
        output: Output,
        *,
        left: int,
        rate: float | None,
    ) -> None:
        self._sms = sms
        self._rows = rows
        self._recipe = recipe
        self._journal = journal
        self._output = output
        self._left = left
        self._rate = rate
        self._ends = dict.fromkeys(Fate, 0)
        self._meter = Meter(output, unit="rows", total=left)
        self._signals = 0
        self._bound: asyncio.Timeout | None = None
        self.error: SendError | None = None
        """What the run was given up for."""

    @property
    def interrupted(self) -> bool:
        """Whether somebody wanted it to end."""
        return self._signals > 0

    async def run(self, *, via: Via, look_up: bool) -> None:
        """Do it.

        Raises:
            UsageError: the file changed meanwhile.
            OSError: the journal cannot be written.
        """
        group = GROUP if self._rate is None else min(max(math.ceil(self._rate), 1), GROUP)
        run = Run(self._rows, self._recipe, self._journal, told=self._told, group=group)
        async with self._sms:
            with signals(lambda: self._signal(run)):
                if look_up and self._journal.identity.labelled:
                    await self._look_up()
                with self._meter:
                    results = self._sms.send_many(run.messages(), rate=self._rate, via=via)
                    await self._consume(run, results)
        self.error = run.error

    async def _consume(self, run: Run, results: BulkSend) -> None:
        try:
            try:
                async with results, asyncio.timeout(None) as self._bound:
                    if self.interrupted:
                        return
                    async for result in results:
                        run.record(result)
            except TimeoutError:
                pass
            finally:
                self._bound = None
                async for result in results:  # what was interrupted has an outcome too
                    run.record(result)
        finally:
            run.close()

    def _signal(self, run: Run) -> None:
        self._signals += 1
        run.stop()
        again = self._signals > 1
        if self._bound is not None:
            with contextlib.suppress(RuntimeError):  # it is over already
                self._bound.reschedule(asyncio.get_running_loop().time() + (0 if again else FINISH_SECONDS))
        if not again:
            self._output.note(f"ending: up to {FINISH_SECONDS:g} s for what is under way; Ctrl-C again ends at once")

    def _told(self, row: Row, fate: Fate, facts: dict[str, Any]) -> None:
        self._ends[fate] += 1
        if self._output.json:
            label = self._journal.label(row.number)
            record = row_record(row, fate, facts, to=self._recipe.number(row), label=label)
            self._output.record({"event": "row", **record})
        accepted, unknown = self._ends[Fate.ACCEPTED], self._ends[Fate.UNKNOWN]
        done = sum(self._ends.values())
        failed = done - accepted - unknown
        note = [f"{failed:,} failed"] * bool(failed) + [f"{unknown:,} unknown"] * bool(unknown)
        self._meter.at(done, ", ".join(note))

    async def _look_up(self) -> None:
        """The platform is asked for rows of which nobody knows; what it has, was sent. Nothing else is concluded."""
        some: list[Row] = []
        found = asked = 0
        try:
            for row in self._rows.rows():
                if self.interrupted:
                    break
                if self._journal.fates[row.number] != Fate.UNKNOWN:
                    continue
                some.append(row)
                if len(some) == ASKED_AT_ONCE:
                    found, asked, some = found + await self._ask(some), asked + len(some), []
            found, asked = found + await self._ask(some), asked + len(some)
        except RequestError as error:
            self._output.note(f"what became of the unknown rows could not be asked: {error}")
        if asked:
            self._output.note(f"the platform was asked for {asked:,} unknown rows by their labels, and has {found:,}")

    async def _ask(self, some: list[Row]) -> int:
        by_label = {f"{self._journal.id}-{row.number}": row for row in some}
        if not by_label:
            return 0
        reply = await self._sms.v2.statuses(tracking_data=list(by_label))
        ids: dict[str, list[str]] = {}
        for update in reply.found:
            if update.tracking_data in by_label:
                ids.setdefault(update.tracking_data, []).append(update.message_id)
        for label, message_ids in ids.items():
            facts = {"message_ids": message_ids, "code": None, "parts": None, "reason": FOUND}
            self._journal.end(by_label[label].number, Fate.ACCEPTED, facts)
        return len(ids)
