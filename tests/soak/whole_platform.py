"""Everything the sandbox has, with faults, for the soak of all protocols: in a process of its own, or in a test.

Of standard input every line is an order in JSON (``aim``, ``hush``, or none), answered by what the platform has still
to tell; when that ends, what it accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from sms_traffic_async.sandbox import Drop, Duplicate, FaultRule, Latency, NumberOutcome, Pace, Sandbox, Switches
from sms_traffic_async.sandbox.effects import Effect, Lose, Reorder, Throttle
from sms_traffic_async.sandbox.faults import PROFILES
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, Retries, ShortNumber
from tests.soak.platform import FAULTS as SMPP_FAULTS

__all__ = ("SHORT_NUMBER", "WholePlatform", "whole_platform")

SHORT_NUMBER = "3299"
"""Its messages come as pushes, the others over SMPP."""
SMPP_RATE = 30.0
SMPP_DENSITY = 5
"""How much likelier an SMPP fault is than at 200 a second: a link is lost about every half minute."""
INBOUND_EVERY = 2.0
RETRIES = Retries(pauses=(1.0, 5.0, 15.0), in_flight=4)

FAULTS: tuple[tuple[float, str, str, Effect], ...] = (
    (0.010, "smtp", "send", Drop(when="before")),
    (0.010, "smtp", "send", Drop(when="after")),
    (0.010, "smtp", "send", Throttle()),
    (0.010, "push", "push", Lose()),
    (0.020, "push", "push", Duplicate()),
    (0.020, "push", "push", Reorder()),
    (0.010, "push", "push", Latency(seconds=5.0, jitter=25.0)),
    (0.010, "push", "push", Drop()),
    (0.020, "push", "inbound", Duplicate()),
    (0.020, "push", "inbound", Drop()),
    (0.010, "smpp", "receipt", Lose()),
    (0.010, "smpp", "receipt", Reorder()),
)
"""Beside the profile ``flaky`` of HTTP (a request in ten) and the faults of the SMPP soak."""


class WholePlatform:
    """One open sandbox: what a client needs to know, orders, and the reckoning."""

    def __init__(self, sandbox: Sandbox, *, tls: bool) -> None:
        self.sandbox = sandbox
        self.inbound = 0
        self._writing: asyncio.Task[None] | None = None
        api_key, login, password = sandbox.credentials
        self.told: dict[str, Any] = {
            "api_key": api_key,
            "login": login,
            "password": password,
            "nodes": sandbox.urls,
            "soap": sandbox.soap_urls,
            "smtp": sandbox.smtp_address,
            "smpp": sandbox.smpp.servers(tls=tls),
            "authority": sandbox.smpp.certificates.authority if tls else None,
        }

    async def order(self, order: dict[str, Any]) -> dict[str, int]:
        """``aim``: tell that URL; ``hush``: subscribers fall silent. Gives what is still to be told."""
        if "aim" in order:
            base, secret = order["aim"]
            account = self.sandbox.accounts.get()
            account.pushes = PushSettings(url=f"{base}/statuses/{secret}", retries=RETRIES)
            short = ShortNumber(number=SHORT_NUMBER, url=f"{base}/short-number/{secret}", method="POST")
            account.inbound = InboundSettings(short_numbers=(short,), retries=RETRIES)
            self._writing = asyncio.create_task(self._write(), name="subscribers")
        if "hush" in order:
            await self.aclose()
        return {"receipts": self.sandbox.smpp.outstanding, "pushes": self.sandbox.pushes.stats.waiting}

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(INBOUND_EVERY)
            recipient = SHORT_NUMBER if self.inbound % 2 else "79160000000"
            self.sandbox.inbound(sender="79161112233", recipient=recipient, text=f"Ответ {self.inbound}")
            self.inbound += 1

    async def aclose(self) -> None:
        """Subscribers fall silent."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
            self._writing = None

    def reckoning(self) -> dict[str, Any]:
        """What it took: parts by number, and the rest in figures."""
        pushes = self.sandbox.pushes.stats
        by_rule = Counter(f"{one.protocol} {one.effect.kind}" for one in self.sandbox.faults.log)
        return {
            "accepted": Counter(entry.to for entry in self.sandbox.accepted),
            "by_protocol": Counter(entry.protocol for entry in self.sandbox.accepted),
            "faults": self.sandbox.faults.injected,
            "latest_faults": by_rule,
            "inbound": self.inbound,
            "pushes": {"calls": pushes.calls, "failed": pushes.failed, "lost": pushes.lost},
        }


@contextlib.asynccontextmanager
async def whole_platform(*, tls: bool = True, seed: int = 1, **options: Any) -> AsyncIterator[WholePlatform]:
    """A sandbox with everything on, and its faults."""
    switches = Switches(antispam=False, smpp_rate=SMPP_RATE, smpp_window=100)
    pace = Pace(send=0, buffer=0.5, final=0.5)
    async with Sandbox(switches=switches, pace=pace, keep=100, **options) as sandbox:
        sandbox.outcomes.clear()
        sandbox.outcomes.add(NumberOutcome(suffix="13", course="not_delivered", code=3))
        for protocol in ("v2", "v1", "soap"):
            for rule in PROFILES["flaky"]:
                sandbox.faults.add(replace(rule, protocol=protocol), seed=seed)
        for share, operation, effect in SMPP_FAULTS:
            rule = FaultRule(effect=effect, probability=share * SMPP_DENSITY, protocol="smpp", operation=operation)
            sandbox.faults.add(rule, seed=seed)
        for share, protocol, operation, effect in FAULTS:
            rule = FaultRule(effect=effect, probability=share, protocol=protocol, operation=operation)
            sandbox.faults.add(rule, seed=seed)
        platform = WholePlatform(sandbox, tls=tls)
        try:
            yield platform
        finally:
            await platform.aclose()


async def serve() -> None:
    """Until standard input ends."""
    async with whole_platform() as platform:
        print(json.dumps(platform.told), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await platform.order(json.loads(line))), flush=True)
        print(json.dumps(platform.reckoning()), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
