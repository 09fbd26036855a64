"""HTTP API v1 and SOAP under the faults of ``run_v2``: what ``on_unknown`` promises where there is no key.

``raise``: nothing is sent twice. ``resend``: nothing is sent more often than
once, and once more for every attempt of that message that may have been taken;
never more than three times. Every message is one part, so it is one acceptance::

    python -m tests.faults.run_unkeyed --messages 20000
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sms_traffic_async.errors import SendError
from sms_traffic_async.messages import Message, SendResult
from sms_traffic_async.sandbox import FaultRule, Pace, Sandbox, Switches
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import HttpOptions, OnUnknown, SoapOptions, Timeouts
from sms_traffic_async.telemetry import RequestFinished
from tests.faults.history import History, Verdicts
from tests.faults.run_v2 import PLATFORM_FAULTS, disturb, messages
from tests.support.virtual_loop import VirtualClock, run_virtual

__all__ = ("COMBINATIONS", "MOST_ACCEPTANCES", "Repeats", "Unkeyed", "unkeyed_run")

Unkeyed = Literal["v1", "soap"]
COMBINATIONS: tuple[tuple[Unkeyed, OnUnknown], ...] = tuple(itertools.product(get_args(Unkeyed), get_args(OnUnknown)))
MOST_ACCEPTANCES = 3
DENSITY: Mapping[OnUnknown, float] = {"raise": 1.0, "resend": 4.0}
"""How much likelier a platform fault is than in ``run_v2``: enough for a fourth acceptance, were it allowed."""
CONCURRENCY = 500

_number: ContextVar[str] = ContextVar("_number")
"""Whose message the task at work is sending."""


@dataclass(slots=True, kw_only=True)
class Repeats:
    """Acceptances of one run against the attempts that may have been taken.

    Attributes:
        events: attempts that may have been taken, by number.
        twice: messages that were taken more than once.
        extra: acceptances beyond the first of each message.
        unexplained: H5, messages that were taken more often than 1 + events.
        most: how often the message was taken that was taken most.
        past_most: H5, messages that were taken more than three times.
    """

    events: Counter[str] = field(default_factory=Counter[str])
    twice: int = 0
    extra: int = 0
    unexplained: int = 0
    most: int = 0
    past_most: int = 0

    def __call__(self, event: Any) -> None:
        """The session's hook; it is called in the task that sends."""
        if isinstance(event, RequestFinished) and event.verdict == "ambiguous" and event.operation.endswith(".send"):
            self.events[_number.get()] += 1

    def reckon(self, taken: Counter[str]) -> None:
        """Hold the events against how often each number was taken."""
        for number, times in taken.items():
            self.twice += times > 1
            self.extra += times - 1
            self.unexplained += times > 1 + self.events[number]
            self.most = max(self.most, times)
            self.past_most += times > MOST_ACCEPTANCES

    def row(self) -> Mapping[str, int]:
        """The figures for a table."""
        names = ("twice", "extra", "unexplained", "most", "past_most")
        return {"ambiguous": self.events.total(), **{name: getattr(self, name) for name in names}}


async def send_all(sms: SmsTraffic, via: Unkeyed, source: Iterator[Message], history: History) -> None:
    """As ``send_many`` does, but with every request's events told apart by message."""
    places = enumerate(source)

    async def worker() -> None:
        for index, message in places:
            _number.set(message.to)
            try:
                submission = await sms.send(message, via=via)
            except SendError as error:
                history.add(SendResult(message=message, index=index, error=error))
            else:
                history.add(SendResult(message=message, index=index, submission=submission))

    async with asyncio.TaskGroup() as workers:
        for _ in range(CONCURRENCY):
            workers.create_task(worker())


async def unkeyed_run(
    via: Unkeyed, on_unknown: OnUnknown, *, count: int, first: int, seed: int, in_flight: int = 16, outage: float = 60.0
) -> tuple[Verdicts, Repeats, Mapping[str, int]]:
    """Send ``count`` messages under faults; the verdicts, the repeats, and how many faults there were."""
    clock = VirtualClock(seed=seed)
    async with Sandbox(
        switches=Switches(antispam=False),
        pace=Pace(send=0, buffer=0, final=0),
        proxied=True,
        seed=seed,
        start=datetime.fromtimestamp(clock.wall(), UTC),
        keep=100,
    ) as sandbox:
        sandbox.outcomes.clear()
        for share, effect in PLATFORM_FAULTS:
            sandbox.faults.add(
                FaultRule(effect=effect, probability=share * DENSITY[on_unknown], protocol=via), seed=seed
            )
        network = asyncio.create_task(disturb(sandbox, seed, outage))
        history, repeats = History(), Repeats()
        first_soap, second_soap = sandbox.soap_urls
        options = sandbox.client_options() | {
            "api_key": None,
            "soap": SoapOptions(url=first_soap, second_url=second_soap),
        }
        async with SmsTraffic(
            **options,
            clock=clock,
            on_unknown=on_unknown,
            timeouts=Timeouts(deadline=900.0),
            http=HttpOptions(in_flight=in_flight, batching=False),  # a request tells of one message
            hooks=[repeats],
        ) as sms:
            await send_all(sms, via, messages(count, first), history)
        network.cancel()
        await asyncio.wait([network])
        faults = {
            "platform": sandbox.faults.injected,
            "network": sum(connection.ended not in {None, "closed"} for proxy in sandbox.proxies
                           for connection in proxy.connections),
        }  # fmt: skip
        verdicts = history.reckon(sandbox.accepted, sent=count)
        repeats.reckon(Counter(entry.to for entry in sandbox.accepted))
        return verdicts, repeats, faults


def broken(verdicts: Verdicts, repeats: Repeats, on_unknown: OnUnknown) -> bool:
    """Whether an invariant does not hold."""
    told = verdicts.lost or verdicts.false_refusals or verdicts.missing or verdicts.wrong_answers or verdicts.evicted
    return bool(told or repeats.unexplained or repeats.past_most or (on_unknown == "raise" and repeats.twice))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    each = arguments.messages // len(COMBINATIONS)
    failed = False
    for place, (via, on_unknown) in enumerate(COMBINATIONS):
        started = time.perf_counter()

        async def run(
            place: int = place, via: Unkeyed = via, on_unknown: OnUnknown = on_unknown
        ) -> tuple[Verdicts, Repeats, Mapping[str, int]]:
            return await unkeyed_run(via, on_unknown, count=each, first=place * each, seed=arguments.seed + place)

        verdicts, repeats, faults = run_virtual(run)
        bad = broken(verdicts, repeats, on_unknown)
        failed = failed or bad
        names = ("messages", "accepted", "rejected", "not_sent", "unknown", "lost", "false_refusals", "missing",
                 "wrong_answers")  # fmt: skip
        row = {"via": via, "on_unknown": on_unknown, **{name: getattr(verdicts, name) for name in names}}
        row |= {**repeats.row(), "errors": dict(verdicts.errors), "faults": faults, "holds": not bad}
        print(json.dumps(row | {"seconds": round(time.perf_counter() - started, 1)}), flush=True)
    print("FAILED" if failed else "passed")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
