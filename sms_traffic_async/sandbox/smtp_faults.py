"""What the sandbox's faults are in SMTP: a letter is a request, the answer after its dot is the answer."""

from __future__ import annotations

import asyncio

from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.effects import (
    Drop,
    Effect,
    Garbage,
    GzipBomb,
    Half,
    Latency,
    ServerError,
    Temporary,
    Throttle,
)
from sms_traffic_async.sandbox.faults import Injected
from sms_traffic_async.sandbox.http_breakage import end_transport, page

__all__ = ("after", "before", "temporary")

LONGEST_ANSWER = 10_000_000


async def before(effects: tuple[Injected, ...], clock: SandboxClock, transport: asyncio.Transport) -> str | None:
    """The faults before acceptance; an answer that ends the letter, or ``None``."""
    for effect, chance in effects:
        if effect.when != "before" or isinstance(effect, Temporary):
            continue
        if isinstance(effect, Latency):
            await clock.sleep(effect.seconds + effect.jitter * chance)
        elif isinstance(effect, Drop):
            await _gone(transport, rst=effect.how == "rst")
        else:
            return _refusal(effect)
    return None


async def after(
    effects: tuple[Injected, ...], clock: SandboxClock, transport: asyncio.Transport, answer: str
) -> str | bytes:
    """The faults after acceptance; what is answered in the end."""
    given: str | bytes = answer
    for effect, chance in effects:
        if effect.when != "after" or isinstance(effect, Temporary):
            continue
        if isinstance(effect, Latency):
            await clock.sleep(effect.seconds + effect.jitter * chance)
        elif isinstance(effect, Drop):
            await _gone(transport, rst=effect.how == "rst")
        elif isinstance(effect, Half):
            transport.write(b"25")
            await _gone(transport, rst=effect.how == "rst")
        elif isinstance(effect, GzipBomb):
            given = b"250 " + b"x" * min(effect.size, LONGEST_ANSWER)
        elif isinstance(effect, (ServerError, Throttle)):
            given = _refusal(effect)
        elif isinstance(effect, Garbage):
            given = b"\x00\xff\xfe{{{ not what was promised"
        else:
            given = page("Sign in to the network")
    return given


def temporary(effects: tuple[Injected, ...]) -> str | None:
    """Whether the reply letter is to say 1000, ``before`` acceptance or ``after`` it."""
    return next((effect.when for effect, _ in effects if isinstance(effect, Temporary)), None)


def _refusal(effect: Effect) -> str:
    if isinstance(effect, Throttle):
        return "450 4.7.1 Too many letters, come again later"
    return "451 4.3.0 The server has a problem, come again later"


async def _gone(transport: asyncio.Transport, *, rst: bool) -> None:
    """End the connection and never answer; the loss of it cancels the task that waits here."""
    end_transport(transport, rst=rst)
    await asyncio.get_running_loop().create_future()
