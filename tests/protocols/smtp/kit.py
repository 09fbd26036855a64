"""A mail client on servers of a test's choosing, and a raw mail server that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sms_traffic_async.clock import Clock
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.protocols.smtp import Smtp
from sms_traffic_async.protocols.smtp.rate import LetterRate
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.settings_mail import SmtpOptions
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.http.kit import raw_server
from tests.support.virtual_loop import VirtualClock

__all__ = ("PASSWORD", "SENDER", "START", "Script", "client", "scripted")

PASSWORD = "p@ssw0rd!"
SENDER = "yourname@yourdomain.ru"
START = datetime(2026, 1, 1, tzinfo=UTC)


@contextlib.asynccontextmanager
async def client(
    host: str | None,
    port: int,
    *,
    account: str = "yourlogin",
    secret: str = PASSWORD,
    clock: Clock | None = None,
    life: Life | None = None,
    rate: LetterRate | None = None,
    general: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Smtp]:
    mail = {"sender": SENDER, "tls": "none", "allow_passwords_without_tls": True, **options}
    life = life or Life()
    try:
        yield Smtp(
            Settings(credentials=Credentials(login=account, password=secret), **(general or {})),
            options=SmtpOptions(host=host, port=port, **mail),
            clock=clock or VirtualClock(wall=START.timestamp()),
            telemetry=Telemetry(),
            life=life,
            rate=rate,
        )
    finally:
        await life.close(1.0)


@dataclass(slots=True)
class Script:
    """What each step (greeting, EHLO, MAIL, RCPT, DATA, content, QUIT …) is answered: a reply line, "fin" or "hang"."""

    steps: dict[str, bytes | str] = field(default_factory=dict[str, bytes | str])
    times: int = 10**9
    """For how many connections; later ones are answered well."""
    letters: list[bytes] = field(default_factory=list[bytes])
    commands: list[str] = field(default_factory=list[str])
    connections: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        steps = GOOD if self.connections > self.times else {**GOOD, **self.steps}
        steps.setdefault("HELO", steps["EHLO"])
        step = "greeting"
        while await self._say(steps[step], writer):
            if step == "DATA" and str(steps["DATA"]).startswith("354"):
                content = await reader.readuntil(b"\r\n.\r\n")
                self.letters.append(content)
                step = "content"
                continue
            line = (await reader.readuntil(b"\r\n")).decode().strip()
            self.commands.append(line)
            step = line.partition(" ")[0].upper()
            if step == "QUIT" and step not in steps:
                writer.write(b"221 bye\r\n")
                return

    async def _say(self, answer: bytes | str, writer: asyncio.StreamWriter) -> bool:
        if answer == "fin":
            return False
        if answer == "hang":
            await asyncio.get_running_loop().create_future()
        writer.write(answer if isinstance(answer, bytes) else answer.encode() + b"\r\n")
        return True


GOOD: dict[str, bytes | str] = {
    "greeting": "220 ready",
    "EHLO": "250 me",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "content": "250 queued",
}


@contextlib.asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    async with raw_server(script) as url:
        yield int(url.rpartition(":")[2])
