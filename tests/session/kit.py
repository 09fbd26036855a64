"""A session over the sandbox, and a FastAPI application that mounts its webhooks, by real TCP on the virtual loop."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI

from sms_traffic_async import SmsTraffic
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, Retries
from tests.support.virtual_loop import VirtualClock
from tests.webhooks.kit import SECRET, uvicorn_serving

__all__ = ("LONG", "NUMBER", "SLOW", "asked", "counting", "mounted", "session", "times")

NUMBER = "79161112233"
SLOW = "79161119030"
"""Delivered after a minute."""
LONG = "Ваш заказ собран и ждёт вас. " * 6

RETRIES = Retries(pauses=(1.0, 5.0, 15.0))


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    """A session with everything the sandbox has; SMPP without TLS, which costs time here and shows nothing more."""
    known = {**sandbox.client_options(), "smpp": sandbox.smpp_options(tls=False, rate=None)}
    return SmsTraffic(**(known | {"clock": VirtualClock()} | options))


@contextlib.asynccontextmanager
async def mounted(
    sms: SmsTraffic, sandbox: Sandbox, *, statuses: bool = True, inbound: bool = False, **options: Any
) -> AsyncIterator[str]:
    """Mounts ``sms.webhooks()`` in FastAPI under uvicorn, and tells the platform; gives the base URL."""
    app = FastAPI()
    app.mount("/sms", sms.webhooks(secret=SECRET, **options))
    async with uvicorn_serving(app) as url:
        account = sandbox.accounts.get()
        if statuses:
            account.pushes = PushSettings(url=f"{url}/sms/statuses/{SECRET}", retries=RETRIES)
        if inbound:
            account.inbound = InboundSettings(url=f"{url}/sms/inbound/{SECRET}", smpp=False, retries=RETRIES)
        yield url


def counting(sandbox: Sandbox, operation: str) -> None:
    """Have requests of a kind counted; see ``asked``."""
    sandbox.faults.add(FaultRule(effect=Latency(seconds=0.0), operation=operation, name=f"count {operation}"))


def asked(sandbox: Sandbox, operation: str) -> int:
    """How many requests of a kind came."""
    return sum(record.rule == f"count {operation}" for record in sandbox.faults.log)


def times(updates: list[TrackedUpdate]) -> Counter[str]:
    """How often each message's final status was told."""
    return Counter(update.message_id for update in updates if update.is_last)
