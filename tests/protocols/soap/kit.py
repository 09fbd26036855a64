"""A SOAP client on nodes of a test's choosing, the document's envelopes, and a server that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sms_traffic_async.clock import Clock
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.soap import Soap
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.settings_soap import SoapOptions
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.http.kit import read_request, response
from tests.support.virtual_loop import VirtualClock

__all__ = ("PASSWORD", "SOAP_11", "SOAP_12", "START", "Script", "accepted", "client", "envelope", "sms_response")

PASSWORD = "p@ssw0rd!<&>"
START = datetime(2026, 1, 1, tzinfo=UTC)
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"


@contextlib.asynccontextmanager
async def client(
    urls: Sequence[str],
    *,
    login: str = "example",
    password: str = PASSWORD,
    clock: Clock | None = None,
    life: Life | None = None,
    soap: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Soap]:
    own = SoapOptions(url=urls[0], second_url=urls[1] if len(urls) > 1 else None, **(soap or {}))
    settings = Settings(credentials=Credentials(login=login, password=password), nodes=own.nodes, **options)
    clock = clock or VirtualClock(wall=START.timestamp())
    telemetry = Telemetry()
    pool = HttpPool(settings, telemetry=telemetry)
    life = life or Life()
    nodes = NodeSet([node.name for node in own.nodes], policy=settings.retry, clock=clock)
    try:
        yield Soap(
            settings,
            options=own,
            pool=pool,
            nodes=nodes,
            pauses=Pauses(),
            clock=clock,
            telemetry=telemetry,
            life=life,
        )
    finally:
        await life.close(1.0)
        await pool.aclose()


def envelope(content: str, *, namespace: str = SOAP_12, prefix: str = "env") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{prefix}:Envelope xmlns:{prefix}="{namespace}"\n'
        f'xmlns="http://soap.smstraffic.ru/soap.wsdl">\n'
        f"  <{prefix}:Body>{content}</{prefix}:Body>\n</{prefix}:Envelope>"
    ).encode()


def sms_response(infos: str = "", *, success: str = ">true", code: str = "0", text: str = "queued 1 messages") -> bytes:
    status = f"<IsSuccess>{success}</IsSuccess><Code>{code}</Code><Description>{text}</Description>"
    return envelope(f"<SmsResponse><Status>{status}</Status>{infos}</SmsResponse>")


def accepted(phone: str, message_id: str) -> str:
    result = f"<ProcessResult>Accepted</ProcessResult><SmsId>{message_id}</SmsId>"
    return f"<MessageInfo><Phone>{phone}</Phone>{result}</MessageInfo>"


@dataclass(slots=True)
class Script:
    """Answers in order, the last one for ever: bytes of a whole HTTP answer, or "fin" or "hang"."""

    answers: list[bytes | str]
    bodies: list[bytes] = field(default_factory=list[bytes])
    lines: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    @classmethod
    def of(cls, *answers: bytes | str) -> Script:
        return cls([one if isinstance(one, str) or one.startswith(b"HTTP/") else response(one) for one in answers])

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, headers, body = await read_request(reader)
            self.lines.append(line)
            self.headers.append(headers)
            self.bodies.append(body)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == "fin":
                return
            if answer == "hang":
                await asyncio.get_running_loop().create_future()
            assert isinstance(answer, bytes)
            writer.write(answer)
