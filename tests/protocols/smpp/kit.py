"""A client on scripted servers, and what tests of it share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.smpp.client import Smpp
from sms_traffic_async.protocols.smpp.transceiver import Transceiver
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.settings_smpp import SmppOptions
from sms_traffic_async.telemetry import Telemetry
from tests.support.smpp_peer import Smsc
from tests.support.virtual_loop import VirtualClock, VirtualLoop

PASSWORD = "a-password-longer-than-8"
TO = "79161112233"
TEXT = "Ваш код 123456, не говорите его никому"
MESSAGE = Message(to=TO, text=TEXT)
LONG = Message(to=TO, text="Длинный текст из трёх частей. " * 6)
"""Three parts."""


@dataclass
class Client:
    """What a session would hold."""

    smpp: Smpp
    hub: Transceiver
    life: Life
    telemetry: Telemetry
    settings: Settings
    clock: Clock

    def view(self, **changes: Any) -> Smpp:
        return Smpp(
            self.settings.with_changes(**changes),
            transceiver=self.hub,
            clock=self.clock,
            telemetry=self.telemetry,
            life=self.life,
            shared=self.smpp,
        )

    async def aclose(self, grace: float = 10.0) -> None:
        """As a session closes."""
        try:
            await self.life.close(grace)
        finally:
            await self.hub.aclose()
            await self.life.ended()
            self.life.closed()


@contextlib.asynccontextmanager
async def client(
    servers: Smsc | str | Sequence[Smsc | str],
    *,
    settings: Settings | None = None,
    hooks: tuple[Any, ...] = (),
    **options: Any,
) -> AsyncIterator[Client]:
    every = [servers] if isinstance(servers, Smsc | str) else servers
    urls = [one if isinstance(one, str) else one.url for one in every]
    clock: Clock = VirtualClock() if isinstance(asyncio.get_running_loop(), VirtualLoop) else SYSTEM_CLOCK
    settings = settings or Settings(credentials=Credentials(login="user", password=PASSWORD), originator="Brand")
    options.setdefault("rate", None)
    life, telemetry = Life(), Telemetry(hooks=hooks)
    hub = Transceiver(
        settings, options=SmppOptions(servers=urls, **options), clock=clock, telemetry=telemetry, life=life
    )
    smpp = Smpp(settings, transceiver=hub, clock=clock, telemetry=telemetry, life=life)
    life.bind()
    made = Client(smpp, hub, life, telemetry, settings, clock)
    try:
        yield made
    finally:
        await made.aclose()
        assert not life.tasks
        assert not life.calls
        assert hub.open == 0
        assert hub.queue.parts == 0


async def outcome(awaitable: Awaitable[Submission]) -> Any:
    """A submission, or the error."""
    try:
        return await awaitable
    except asyncio.CancelledError:
        raise
    except Exception as error:
        return error


async def until(condition: Callable[[], object], seconds: float = 100.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def dead_port() -> str:
    """A URL where nobody listens."""
    return "smpp://127.0.0.1:9"
