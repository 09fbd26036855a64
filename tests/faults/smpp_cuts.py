"""F1 for SMPP: a session whose connection is cut after every single octet, in both directions.

One session binds, submits a text of two parts, takes its receipts, answers them and unbinds. The first
connection is cut after n octets, the next ones work. Run by ``nox -s faults_smpp``::

    python -m tests.faults.smpp_cuts
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from sms_traffic_async.errors import NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.messages import Message, StatusUpdate
from sms_traffic_async.sandbox import Pace, Sandbox, Switches
from sms_traffic_async.sandbox.network import Cut, Direction
from sms_traffic_async.sandbox.network.faults import How
from sms_traffic_async.settings import Credentials, OnUnknown, Settings
from sms_traffic_async.settings_smpp import SmppServer
from tests.protocols.smpp.kit import Client, client
from tests.support.virtual_loop import run_virtual

__all__ = ("Cutting", "cut_points", "cut_run")

TEXT = "Заказ собран и ждёт вас до вечера пятницы. " * 2
PARTS = 2
DEADLINE = 60.0
LINGER = 60.0
"""Virtual seconds in which receipts come."""


@dataclass(slots=True)
class Cutting:
    """What came of all cuts.

    Attributes:
        lost: H1. false_refusals: H2. twice: H4, a part taken twice with "raise". too_often: H5, a part
            taken more than three times, or more than once oftener than it went again.
        late: an outcome later than the deadline and a second.
        receipts_twice: H9, a receipt handed over twice.
        receipts_missing: H9, a message all of whose parts were taken, without a final receipt for each. (Of a
            message that is not whole the sandbox, as a phone, makes nothing.)
    """

    points: int = 0
    cut: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    lost: int = 0
    false_refusals: int = 0
    twice: int = 0
    too_often: int = 0
    late: int = 0
    receipts_twice: int = 0
    receipts_missing: int = 0

    @property
    def holds(self) -> bool:
        """Whether every invariant does."""
        return not any((self.lost, self.false_refusals, self.twice, self.too_often, self.late,
                        self.receipts_twice, self.receipts_missing))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where one session is cut."""

    after: int
    direction: Direction
    how: How
    on_unknown: OnUnknown


def cut_points(up: int, down: int, every: int = 1) -> Iterable[Point]:
    """Every octet of both directions, both ways to end, both policies."""
    lengths: tuple[tuple[Direction, int], ...] = (("up", up), ("down", down))
    for direction, length in lengths:
        for after in range(0, length, every):
            for how, on_unknown in itertools.product(get_args(How), get_args(OnUnknown)):
                yield Point(after=after, direction=direction, how=how, on_unknown=on_unknown)


class _Session:
    """One short life of a client, and what it was told."""

    def __init__(self, sandbox: Sandbox, number: str) -> None:
        self._sandbox = sandbox
        self._number = number
        self.finals: Counter[str] = Counter()
        self.outcome = ""
        self.seconds = 0.0
        self.repeated = 0

    def _take(self, updates: Sequence[StatusUpdate]) -> bool:
        self.finals.update(update.message_id for update in updates if update.is_final)
        return True

    async def _submit(self, one: Client, on_unknown: OnUnknown) -> str:
        message = Message(to=self._number, text=TEXT)
        try:
            await one.smpp.submit(message, on_unknown=on_unknown, timeout=DEADLINE)
        except (NotSent, Rejected, OutcomeUnknown) as error:
            return type(error).__name__
        return "accepted"

    async def live(self, on_unknown: OnUnknown) -> None:
        loop = asyncio.get_running_loop()
        _, login, password = self._sandbox.credentials
        settings = Settings(credentials=Credentials(login=login, password=password))
        async with client(self._sandbox.smpp.servers(tls=False), settings=settings, response_timeout=10) as one:
            one.hub.receiving.updates = self._take
            begun = loop.time()
            self.outcome = await self._submit(one, on_unknown)
            self.seconds = loop.time() - begun
            await asyncio.sleep(LINGER)
            self.repeated = one.smpp.stats().repeated


async def cut_run(every: int = 1) -> Cutting:
    """Cut at every ``every``-th octet."""
    async with Sandbox(
        switches=Switches(antispam=False, smpp_rate=None),
        pace=Pace(send=0, buffer=0, final=0),
        proxied=True,
        keep=100,
        smpp_tls_ports=None,
    ) as sandbox:
        sandbox.outcomes.clear()
        proxy = sandbox.smpp.proxies[1, False]
        assert SmppServer.parse(sandbox.smpp.servers(tls=False)[0]).port == proxy.port
        whole = _Session(sandbox, "79000000000")
        await whole.live("raise")
        assert whole.outcome == "accepted"
        assert len(whole.finals) == PARTS
        (connection,) = proxy.connections
        result = Cutting()
        for index, point in enumerate(cut_points(connection.up, connection.down, every), 1):
            rule = proxy.rules.add(Cut(after=point.after, direction=point.direction, how=point.how), times=1)
            one = _Session(sandbox, f"79{index:09d}")
            injected = len(proxy.log)
            await one.live(point.on_unknown)
            proxy.rules.remove(rule)
            result.points += 1
            result.cut += len(proxy.log) > injected or injected == proxy.log.maxlen
            _reckon(result, sandbox, one, f"79{index:09d}", point)
        return result


def _reckon(result: Cutting, sandbox: Sandbox, one: _Session, number: str, point: Point) -> None:
    entries = sandbox.accepted.matching(to=number)
    taken = Counter(entry.text for entry in entries)
    result.outcomes[f"{point.on_unknown}: {one.outcome}"] += 1
    result.lost += one.outcome == "accepted" and len(taken) < PARTS
    result.false_refusals += one.outcome in {"NotSent", "Rejected"} and bool(taken)
    result.twice += point.on_unknown == "raise" and max(taken.values(), default=0) > 1
    result.too_often += max(taken.values(), default=0) > 3 or len(entries) - len(taken) > one.repeated
    result.late += one.seconds > DEADLINE + 1
    result.receipts_twice += max(one.finals.values(), default=0) > 1
    result.receipts_missing += len(taken) == PARTS and len(one.finals) < PARTS
    sandbox.accepted.clear()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    arguments = parser.parse_args()
    started = time.perf_counter()

    async def run() -> Cutting:
        return await cut_run(arguments.every)

    done = run_virtual(run)
    names = [name for name in Cutting.__slots__ if name != "outcomes"]
    row = {name: getattr(done, name) for name in names} | {"outcomes": dict(done.outcomes), "holds": done.holds}
    print(json.dumps(row | {"seconds": round(time.perf_counter() - started, 1)}))
    print("passed" if done.holds else "FAILED")
    return int(not done.holds)


if __name__ == "__main__":
    raise SystemExit(main())
