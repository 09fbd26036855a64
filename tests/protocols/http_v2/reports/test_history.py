"""Any history of polls, faults and cuts: the report comes whole and once, from one node, with the pauses kept."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.policy.machines import MACHINE
from tests.protocols.http_v2.reports.support import NOT_READY, Answer, Got, ReportNode, csv_answer, desk, part_of
from tests.support.virtual_loop import run_virtual

FIELDS = ("id", "message")
ROWS = [(str(number), f'т"{number}"\nx;') for number in range(300)]
BODY = "".join('{};"{}"\n'.format(row[0], row[1].replace('"', '""')) for row in ROWS).encode()


class LongPoll(RuleBasedStateMachine):
    """Its rules write the platform's side of a history; in the end a report is read through it, as rows and as file."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Any] = []
        self.failed_in_a_row = 0

    def _trouble(self, answer: Any) -> None:
        # Twelve failures without a new byte between them end a call, and rightly.
        if self.failed_in_a_row < 10:
            self.failed_in_a_row += 1
            self.history.append(answer)

    @rule(wait=st.sampled_from([0.0, 0.5, 290.0]))
    def not_ready(self, wait: float) -> None:
        self.failed_in_a_row = 0
        self.history.append(Answer(status=204, wait=wait) if wait else NOT_READY)

    @rule(seconds=st.integers(0, 60))
    def throttled(self, seconds: int) -> None:
        self._trouble(Answer(status=429, headers={"Retry-After": str(seconds)}))

    @rule(status=st.sampled_from([408, 500, 502, 503, 504]))
    def gateway(self, status: int) -> None:
        self._trouble(Answer(status=status, body=b"<html>"))

    @rule()
    def proxy_page(self) -> None:
        self._trouble(Answer(headers={"Content-Type": "text/html"}, body=b"<html>"))

    @rule(after=st.integers(0, len(BODY)), how=st.sampled_from(["fin", "rst"]), granted=st.booleans())
    def cut(self, after: int, how: Any, granted: bool) -> None:
        self._trouble((after, how, granted))

    @rule(after=st.integers(0, len(BODY)))
    def silence(self, after: int) -> None:
        self._trouble((after, "hang", True))

    def teardown(self) -> None:
        if self.history:
            run_virtual(lambda: self.check(save=False))
            run_virtual(lambda: self.check(save=True))

    async def check(self, *, save: bool) -> None:
        history = iter(self.history)
        polls: list[tuple[float, bool]] = []

        def answer(got: Got) -> Answer:
            step = next(history, None)
            polls.append((got.at, isinstance(step, Answer) and step.status == 204))
            if isinstance(step, Answer):
                return step
            after, how, granted = (None, "fin", True) if step is None else step
            if granted and "range" in got.headers:
                whole = part_of(BODY, got)
                cut = None if after is None else min(after, len(whole.body))
                return part_of(BODY, got, cut=cut, how=how)
            return csv_answer(BODY, cut=after, how=how)

        async with ReportNode(answer) as node, ReportNode() as other:
            async with desk(node.url, other.url) as at, at.report(fields=FIELDS, timeout=10**6) as report:
                if save:
                    with tempfile.TemporaryDirectory() as folder:
                        saved = await report.save(Path(folder) / "r.csv")
                        assert saved.path.read_bytes() == BODY
                else:
                    assert [row.raw async for row in report] == ROWS
            assert other.got == []
            assert len(node.posts) == 1
            assert await node.quiet() == 0
        for (earlier, not_ready), (later, _) in pairwise(polls):
            assert not not_ready or later - earlier >= 1.0 - 1e-6  # seconds, as binary fractions


LongPoll.TestCase.settings = MACHINE
TestLongPoll = LongPoll.TestCase
