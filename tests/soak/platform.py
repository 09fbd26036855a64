"""The sandbox in a process of its own, so that a soak weighs the client only.

Tells its addresses on standard output, and for each line of standard input how many receipts are still to come;
when that ends, what it accepted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from sms_traffic_async.sandbox import (
    Drop,
    Duplicate,
    EarlyReceipt,
    FaultRule,
    Latency,
    NoAnswer,
    Pace,
    Sandbox,
    Status,
    Switches,
    Temporary,
    Throttle,
    Unbind,
)
from sms_traffic_async.sandbox.effects import Effect

__all__ = ("FAULTS",)

FAULTS: tuple[tuple[float, str, Effect], ...] = (
    (0.000_15, "submit", Drop(when="before", how="rst")),
    (0.000_15, "submit", Drop(when="after")),
    (0.000_10, "submit", Unbind()),
    (0.000_10, "submit", NoAnswer()),
    (0.000_30, "submit", Throttle()),
    (0.000_10, "submit", Temporary()),
    (0.001_00, "submit", Status()),
    (0.010_00, "submit", Latency(seconds=0.05, jitter=0.5)),
    (0.010_00, "submit", EarlyReceipt()),
    (0.010_00, "receipt", Duplicate()),
)
"""Of each submit_sm, or of each receipt. At 200 a second a link is lost about every 12 seconds."""


async def serve() -> None:
    switches = Switches(antispam=False, smpp_rate=None, smpp_window=100)
    async with Sandbox(switches=switches, pace=Pace(send=0, buffer=0.5, final=0.5), keep=100) as sandbox:
        sandbox.outcomes.clear()
        for share, operation, effect in FAULTS:
            sandbox.faults.add(FaultRule(effect=effect, probability=share, protocol="smpp", operation=operation))
        _, login, password = sandbox.credentials
        told = {
            "servers": sandbox.smpp.servers(tls=True),
            "authority": sandbox.smpp.certificates.authority,
            "login": login,
            "password": password,
        }
        print(json.dumps(told), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(sandbox.smpp.outstanding), flush=True)
        taken = Counter(entry.to for entry in sandbox.accepted)
        faults = sandbox.faults.injected
        print(json.dumps({"accepted": taken, "faults": faults, "receipts": sandbox.smpp.deliveries.counts}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
