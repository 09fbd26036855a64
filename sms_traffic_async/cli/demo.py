"""``sms-traffic demo``: the whole way of a message, on the local platform."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from sms_traffic_async.cli.output import Exit, Output, printable, table
from sms_traffic_async.errors import ConfigurationError, Rejected, SmsTrafficError
from sms_traffic_async.messages import Message, Submission, Via
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import SmtpOptions, Timeouts
from sms_traffic_async.text import segment

if TYPE_CHECKING:
    from sms_traffic_async.sandbox import Sandbox

NAME = "demo"
__all__ = ("NAME", "command")

PATIENCE = 12.0
TEXT_WIDTH = 16
"""What fits beside the rest on 80 columns."""
LETTER_INTERVAL = 0.05
# The last four digits choose what becomes of a message (docs/sandbox.md).
TEXTS: tuple[tuple[str, str], ...] = (
    ("0001", "Your code is 4827"),
    ("0002", "Ваш код 4827. Никому его не сообщайте."),
    ("0003", "Заказ собран и ждёт вас в пункте выдачи до воскресенья. " * 4),
    ("9003", "This number does not exist"),
    ("9432", "Этот номер заблокирован"),
    ("0040", "Скидка 20 % 🎁 https://example.com/gift"),
    ("9020", "Телефон выключен"),
    ("0008", "Long Latin text, one part after another. " * 8),
)
PLAN: dict[Via, tuple[str, int]] = {
    "v2": ("7916111", 8),
    "v1": ("7926111", 5),
    "soap": ("7903111", 5),
    "smpp": ("7909111", 6),
    "smtp": ("7985111", 4),
}
"""Every protocol that the session speaks: the beginning of its numbers, and how many of the texts it sends."""


@dataclass(slots=True)
class _Row:
    """One line of the table."""

    via: Via
    message: Message
    started: float = field(default_factory=time.monotonic)
    ids: tuple[str, ...] = ()
    parts: int = 0
    encoding: str = ""
    status: str = "sending"
    seconds: float = 0.0
    done: bool = False
    failed: bool = False

    def record(self) -> Mapping[str, Any]:
        return {
            "via": self.via,
            "to": self.message.to,
            "message_ids": self.ids,
            "parts": self.parts,
            "encoding": self.encoding,
            "status": self.status,
            "seconds": round(self.seconds, 3),
        }

    def accepted(self, sent: Submission) -> None:
        self.ids = sent.message_ids
        self.status = "accepted"

    def end(self, status: str, *, failed: bool = False) -> None:
        self.status, self.failed, self.done = status, failed, True
        self.seconds = time.monotonic() - self.started


async def command(
    *,
    serve: Annotated[bool, Parameter(negative="", help="Leave the platform running afterwards, until Ctrl-C.")] = False,
    json: Annotated[bool, Parameter(negative="", help="Print one JSON object per message.")] = False,
) -> int:
    """Start the local platform, send messages of many kinds to it, and follow each to its end.

    Needs no credentials and no network.
    """
    output = Output(json=json)
    rows = [
        _Row(via, Message(to=beginning + ending, text=text))
        for via, (beginning, count) in PLAN.items()
        for ending, text in TEXTS[:count]
    ]
    async with _sandbox() as sandbox:
        async with _session(sandbox) as sms:
            await _run(sms, sandbox, rows, output)
        _summary(rows, sandbox.urls, output)
        if serve:
            output.note(
                f"The platform goes on at {' and '.join(sandbox.urls)} (API key {sandbox.api_key}). Ctrl-C ends it."
            )
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return Exit.FAILURE if any(row.failed for row in rows) else Exit.DONE


def _session(sandbox: Sandbox) -> SmsTraffic:
    host, port = sandbox.smtp_address
    return SmsTraffic(
        **sandbox.client_options(),
        smtp=SmtpOptions(
            sender="shop@example.ru",
            host=host,
            port=port,
            tls="none",
            allow_passwords_without_tls=True,  # it never leaves this process
            reply_to_email=True,
        ),
        timeouts=Timeouts(poll_after=0.4),
    )


@asynccontextmanager
async def _sandbox() -> AsyncGenerator[Sandbox]:
    try:
        from sms_traffic_async.sandbox import Sandbox
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sms_traffic_async"):
            raise
        raise ConfigurationError(
            "the demo needs the [sandbox] extra: pip install 'sms-traffic-async[sandbox]'"
        ) from None
    async with Sandbox() as sandbox:
        yield sandbox


async def _run(sms: SmsTraffic, sandbox: Sandbox, rows: list[_Row], output: Output) -> None:
    async with asyncio.TaskGroup() as group:
        for row in rows:
            group.create_task(_follow(sms, sandbox, row, output))
        if not output.json and output.out.is_terminal:
            await _show(rows, output)
    if not output.json and not output.out.is_terminal:
        output.out.print(_table(rows))


async def _follow(sms: SmsTraffic, sandbox: Sandbox, row: _Row, output: Output) -> None:
    made = segment(row.message.text)
    row.parts, row.encoding = made.count, str(made.encoding)
    try:
        sent = await sms.send(row.message, via=row.via)
        if row.via == "smtp":
            row.status = "handed over"
            sent = await _answered(sandbox, sent)
        row.accepted(sent)
        update = await sms.wait_for(sent, timeout=PATIENCE)
        row.end(str(update.status) if not update.error_text else f"{update.status} ({update.error_text})")
    except Rejected as error:
        row.end(f"refused ({error.code})")
    except TimeoutError:  # of the wait for a letter, or DeadlineExceeded
        row.end("no final status in time", failed=True)
    except SmsTrafficError as error:
        row.end(type(error).__name__, failed=True)
    if output.json:
        output.record(row.record())


async def _answered(sandbox: Sandbox, sent: Submission) -> Submission:
    """A letter is only handed over: ids come in the platform's letter of reply, to your own mailbox."""
    from sms_traffic_async.protocols.smtp import read_reply

    async with asyncio.timeout(PATIENCE):
        while True:
            for letter in sandbox.letters:
                reply = read_reply(letter.content)
                if reply.key == sent.key and reply.code:
                    raise Rejected("the platform refused the letter", code=reply.code)
                if reply.key == sent.key:
                    return replace(sent, message_ids=reply.message_ids)
            await asyncio.sleep(LETTER_INTERVAL)


async def _show(rows: list[_Row], output: Output) -> None:
    with Live(_table(rows), console=output.out, refresh_per_second=8) as live:
        while not all(row.done for row in rows):
            await asyncio.sleep(0.1)
            live.update(_table(rows))
        live.update(_table(rows))


def _table(rows: list[_Row]) -> Table:
    shown = table("via", "to", "parts", "encoding", "status", "seconds", "text")
    for row in rows:
        style = "red" if row.failed else "green" if row.done else "yellow"
        text = row.message.text
        shown.add_row(
            row.via,
            row.message.to,
            str(row.parts),
            row.encoding,
            f"[{style}]{escape(printable(row.status))}[/]",
            f"{row.seconds:.2f}" if row.done else "",
            escape(text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1] + "…"),
        )
    return shown


def _summary(rows: list[_Row], urls: tuple[str, ...], output: Output) -> None:
    accepted = sum(bool(row.ids) for row in rows)
    output.say(
        f"{len(rows)} messages to {urls[0]}: {accepted} accepted, {len(rows) - accepted} refused, "
        f"all followed to their end."
        if all(row.done and not row.failed for row in rows)
        else f"some of {len(rows)} messages did not reach a final status"
    )
    output.say(
        "The same platform for your own code, with an inbox page: sms-traffic sandbox --open  (http://127.0.0.1:8725/)"
    )
