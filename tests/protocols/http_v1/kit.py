"""A v1 client and a raw server that answers with what a test says, over real TCP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from sms_traffic_async.lifecycle import Life
from sms_traffic_async.node import parse_nodes
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http_v1 import HttpV1
from sms_traffic_async.protocols.xml import Element, read
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.http.kit import raw_server, read_request, response
from tests.support.virtual_loop import VirtualClock

__all__ = ("LOGIN", "PASSWORD", "PHONE", "TEXT", "Desk", "Form", "Platform", "desk", "ok", "refusal", "root", "xml")

LOGIN = "main:sub"
PASSWORD = "pässword&=+ё".replace("ä", "Д")
PHONE = "79161112233"
TEXT = "Ваш код 123456, не говорите его никому"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One request as the server read it."""

    line: str
    headers: dict[str, str]
    body: bytes

    def fields(self, encoding: str = "cp1251") -> dict[str, str]:
        pairs = parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, encoding=encoding)
        found = dict(pairs)
        assert len(found) == len(pairs), "a parameter stands twice"
        return found


Answer = bytes | Callable[[Form], bytes]


@dataclass(slots=True, kw_only=True)
class Platform:
    """Answers each request with the next answer; the last one goes on for ever. ``b""`` hangs up."""

    answers: list[Answer]
    forms: list[Form] = field(default_factory=list[Form])

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, headers, body = await read_request(reader)
            form = Form(line=line, headers=headers, body=body)
            self.forms.append(form)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            sent = answer if isinstance(answer, bytes) else answer(form)
            if not sent:
                return
            writer.write(sent)
            await writer.drain()


@dataclass(slots=True, kw_only=True)
class Desk:
    """A client and what it was made of."""

    v1: HttpV1
    pool: HttpPool
    life: Life
    telemetry: Telemetry
    events: list[Any]
    clock: VirtualClock
    settings: Settings
    platforms: list[Platform] = field(default_factory=list[Platform])

    @property
    def forms(self) -> list[Form]:
        return [form for platform in self.platforms for form in platform.forms]


@contextlib.asynccontextmanager
async def desk(*answers: Answer, other: Answer | None = None, **options: Any) -> AsyncIterator[Desk]:
    """A client of one node, or of two; its own servers unless ``nodes`` are given."""
    platforms = [Platform(answers=list(answers))] + ([] if other is None else [Platform(answers=[other])])
    clock = options.pop("clock", None) or VirtualClock()
    async with contextlib.AsyncExitStack() as stack:
        urls = options.pop("urls", None) or [await stack.enter_async_context(raw_server(one)) for one in platforms]
        credentials = options.pop("credentials", Credentials(login=LOGIN, password=Secret(PASSWORD)))
        settings = Settings(credentials=credentials, nodes=parse_nodes(urls), **options)
        events: list[Any] = []
        telemetry = Telemetry(hooks=(events.append,))
        pool = HttpPool(settings, telemetry=telemetry)
        stack.push_async_callback(pool.aclose)
        life = Life()
        v1 = HttpV1(
            settings,
            pool=pool,
            nodes=NodeSet([node.name for node in settings.nodes], policy=settings.retry, clock=clock),
            pauses=Pauses(),
            clock=clock,
            telemetry=telemetry,
            life=life,
        )
        yield Desk(
            v1=v1,
            pool=pool,
            life=life,
            telemetry=telemetry,
            events=events,
            clock=clock,
            settings=settings,
            platforms=platforms,
        )
        for task in tuple(life.tasks):
            task.cancel()
        await asyncio.gather(*life.tasks, return_exceptions=True)


def xml(text: str, *, head: str = '<?xml version="1.0" ?>', encoding: str = "utf-8", status: str = "200 OK") -> bytes:
    return response((head + text).encode(encoding), status=status, headers="Content-Type: text/xml\r\n")


def ok(*rows: tuple[str, ...], queued: int | None = None) -> bytes:
    """OK with message_infos: phone, id, push_id."""
    infos = "".join(
        f"<message_info><phone>{row[0]}</phone><sms_id>{row[1]}</sms_id>"
        + (f"<push_id>{row[2]}</push_id>" if len(row) > 2 else "")
        + "</message_info>"
        for row in rows
    )
    count = len(rows) if queued is None else queued
    return xml(
        f"<reply><result>OK</result><code>0</code><description>queued {count} messages</description>"
        + (f"<message_infos>{infos}</message_infos>" if rows else "")
        + "</reply>"
    )


def refusal(code: int, text: str = "no") -> bytes:
    return xml(f"<reply><result>ERROR</result><code>{code}</code><description>{text}</description></reply>")


def root(text: str) -> Element:
    return read(text.encode())
