"""The job that our client does against servers of other houses, and how both ends are compared."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sms_traffic_async.messages import Message, StatusUpdate, Submission
from sms_traffic_async.settings import Credentials, Settings
from tests.protocols.smpp.kit import Client, client

__all__ = (
    "COUNT",
    "ORIGINATOR",
    "PARTS",
    "PASSWORD",
    "SYSTEM_ID",
    "TEXTS",
    "THROTTLE_EVERY",
    "Done",
    "Received",
    "compare",
    "do",
)

# All of it: ``nox -s foreign``. Read before a test's environment is cleaned.
COUNT = 10_000 if os.environ.get("SMS_TRAFFIC_TESTS_EVERY_MESSAGE") else 2_000
THROTTLE_EVERY = COUNT * 3 // 10
LONG_EVERY = 20
ORIGINATOR = "Brand"
SYSTEM_ID = "our-client"
PASSWORD = "secret-8"  # smpp34 holds to the document's eight octets
CONCURRENCY = 500


def _text(number: int) -> str:
    if number % LONG_EVERY == 0:
        return f"Заказ № {number} собран и ждёт вас. " * 5
    return f"Код {number}" if number % 2 else f"Your code is {number}"


TEXTS = {f"79{number:09d}": _text(number) for number in range(COUNT)}
"""Each to a number of its own; one in twenty has three parts."""
PARTS = COUNT + 2 * (COUNT // LONG_EVERY)


@dataclass(frozen=True, slots=True)
class Received:
    """One submit_sm as the server decoded it: the number, the text, and the information element of the parts."""

    to: str
    text: str
    element: bytes


@dataclass(slots=True)
class Done:
    """What our client was told."""

    sent: list[Submission] = field(default_factory=list[Submission])
    finals: Counter[str] = field(default_factory=Counter[str])
    throttled: int = 0
    unmatched: int = 0


async def do(url: str, **options: Any) -> Done:
    """Bind, send everything, wait for every receipt, unbind."""
    done = Done()
    complete = asyncio.Event()

    def take(updates: Sequence[StatusUpdate]) -> bool:
        done.finals.update(update.message_id for update in updates if update.status == "Delivered")
        if len(done.finals) == PARTS:
            complete.set()
        return True

    settings = Settings(credentials=Credentials(login=SYSTEM_ID, password=PASSWORD), originator=ORIGINATOR)
    # A rate that is known, though never reached: without one the client would learn from the first throttling how
    # little had been accepted until then, and creep back up.
    async with client(url, settings=settings, window=50, rate=50_000.0, bind="transceiver", **options) as one:
        one.hub.receiving.updates = take
        await _send_all(one, done)
        async with asyncio.timeout(30):
            await complete.wait()
        stats = one.smpp.stats()
        done.throttled, done.unmatched = stats.throttled, stats.receiving.unmatched
    return done


async def _send_all(one: Client, done: Done) -> None:
    source = iter(TEXTS.items())

    async def worker() -> None:
        for to, text in source:
            done.sent.append(await one.smpp.submit(Message(to=to, text=text), timeout=60))

    async with asyncio.TaskGroup() as workers:
        for _ in range(CONCURRENCY):
            workers.create_task(worker())


def compare(done: Done, received: Iterable[Received], throttled: int) -> None:
    """Each message arrived exactly once and whole, and each receipt found its message."""
    parts: dict[str, list[Received]] = {}
    for one in received:
        parts.setdefault(one.to, []).append(one)
    assert {to: _whole(found) for to, found in parts.items()} == TEXTS
    ids = [message_id for sent in done.sent for message_id in sent.message_ids]
    assert len(done.sent) == COUNT
    assert len(ids) == len(set(ids)) == PARTS
    assert done.finals == Counter(ids)  # each once, under the id of its response
    assert done.unmatched == 0
    assert done.throttled == throttled > 0


def _whole(found: list[Received]) -> str:
    if len(found) == 1:
        assert found[0].element == b""
        return found[0].text
    ordered = sorted(found, key=lambda one: one.element[4])
    first = ordered[0].element
    assert [one.element for one in ordered] == [
        bytes((0, 3, first[2], len(found), number)) for number in range(1, len(found) + 1)
    ]
    return "".join(one.text for one in ordered)
