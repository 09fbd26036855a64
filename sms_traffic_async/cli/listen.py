"""``sms-traffic listen``."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli.control import sandbox_at
from sms_traffic_async.cli.forwarding import forwarding
from sms_traffic_async.cli.logs import warnings_shown
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.cli.signals import signals
from sms_traffic_async.credentials import ENV_PREFIX, Environment
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.secrets import Secret

if TYPE_CHECKING:
    from sms_traffic_async.protocols.pushes import BadItem

NAME = "listen"
__all__ = ("NAME", "command")

SECRET_VARIABLE = f"{ENV_PREFIX}WEBHOOK_SECRET"
DEFAULT_PORT = 8765
PORT_MAX = 65_535
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PATHS = ("statuses", "inbound", "short-number")


async def command(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=PORT_MAX), help="0 takes a free one.")] = DEFAULT_PORT,
    forward_to: Annotated[
        str | None, Parameter(help="Hand each push on to this URL of yours, and answer what it answers.")
    ] = None,
    reply: Annotated[str, Parameter(help="The answer to messages to a short number.")] = "",
    count: Annotated[
        int | None, Parameter(validator=Number(gte=1), help="End after this many statuses and messages.")
    ] = None,
    register: Annotated[
        str | None,
        Parameter(help="A sandbox's URL: it pushes here until this ends.", show_default=False),
    ] = None,
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print one JSON object per line, errors too.")
    ] = False,
) -> int:
    """Receive what the platform pushes, and print it: statuses, inbound messages, short numbers; until Ctrl-C.

    A secret in SMS_TRAFFIC_WEBHOOK_SECRET (or a file named by …_FILE) becomes the last part of each URL; without one it
    listens on this machine only.
    """
    secret = Environment(os.environ).secret("WEBHOOK_SECRET")
    if secret is None and host not in LOOPBACK:
        raise ConfigurationError(
            f"anybody could push to {host}: set {SECRET_VARIABLE}, and register URLs that end in it"
        )
    output = Output(json=json)
    printer = _Printer(output, reply=reply, most=count)
    # Ctrl-C is how this ends: nothing has failed then.
    with signals(printer.stop.set), warnings_shown(output):
        async with _serving(printer, secret, host, port, forward_to) as base, _registered(register, base, secret):
            printer.listening({path: f"{base}/{path}" for path in PATHS}, secret=secret is not None)
            await printer.stop.wait()
    return Exit.DONE


class _Printer:
    """Prints what comes, and says when it is enough."""

    def __init__(self, output: Output, *, reply: str, most: int | None) -> None:
        self._output = output
        self._reply = reply
        self._left = most
        self.stop = asyncio.Event()

    def listening(self, urls: Mapping[str, str], *, secret: bool) -> None:
        """Say where."""
        if self._output.json:
            self._output.record({"event": "listening", "urls": urls})
            return
        for path, url in urls.items():
            self._say(f"{path:12}  {url}{'/…' if secret else ''}")

    async def statuses(self, updates: Sequence[StatusUpdate]) -> None:
        """The handler of status pushes."""
        for update in updates:
            self._print(_status_record(update), f"{update.message_id}  {update.status or '(none)'}  {update.to or ''}")

    async def inbound(self, message: InboundMessage) -> None:
        """The handler of inbound messages."""
        self._print(_inbound_record("inbound", message), f"{message.sender}  {message.text}")

    async def short_number(self, message: InboundMessage) -> str:
        """The handler of messages to a short number; its reply goes to the subscriber."""
        self._print(_inbound_record("short_number", message), f"{message.sender}  {message.text}")
        return self._reply

    async def quarantine(self, bad: Sequence[BadItem]) -> None:
        """What no handler can use."""
        for one in bad:
            self._print({"event": "bad", "reason": one.reason}, one.reason)

    def forwarded(self, kind: str, status: int | None, error: str) -> None:
        """What the application behind answered."""
        if self._output.json:
            self._output.record({"event": "forwarded", "kind": kind, "status": status, "error": error or None})
        else:
            self._output.note(f"{'forwarded':12}  {status if status is not None else error}")

    def _say(self, line: str) -> None:
        self._output.say(line)
        # In a pipe too somebody waits for it.
        self._output.out.file.flush()

    def _print(self, record: Mapping[str, Any], line: str) -> None:
        if self._output.json:
            self._output.record(record)
        else:
            self._say(f"{record['event']:12}  {line}")
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.stop.set()  # the listener lets the answer to this push go out


def _status_record(update: StatusUpdate) -> dict[str, Any]:
    return {
        "event": "status",
        "message_id": update.message_id,
        "status": str(update.status),
        "final": update.is_final,
        "to": update.to,
        "status_at": update.status_at,
        "error": None if update.error is None else int(update.error),
        "parts": update.parts,
        "tracking_data": update.tracking_data,
        "login": update.login,
    }


def _inbound_record(event: str, message: InboundMessage) -> dict[str, Any]:
    return {
        "event": event,
        "message_id": message.message_id,
        "sender": message.sender,
        "short_number": message.short_number,
        "text": message.text,
        "received_at": message.received_at,
    }


@contextlib.asynccontextmanager
async def _serving(
    printer: _Printer, secret: Secret | None, host: str, port: int, forward_to: str | None
) -> AsyncGenerator[str]:
    from sms_traffic_async.webhooks import WebhookApp

    try:
        from sms_traffic_async.sandbox.http_listener import HttpListener
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sms_traffic_async"):
            raise
        raise ConfigurationError("listen needs the [sandbox] extra: pip install 'sms-traffic-async[sandbox]'") from None
    app = WebhookApp(
        secret=secret,
        statuses=printer.statuses,
        inbound=printer.inbound,
        short_number=printer.short_number,
        quarantine=printer.quarantine,
    )
    async with contextlib.AsyncExitStack() as stack:
        served: Any = app
        if forward_to is not None:
            served = await stack.enter_async_context(forwarding(app, forward_to, told=printer.forwarded))
        listener = HttpListener(served)
        stack.push_async_callback(listener.aclose)
        await listener.start(host, port)
        yield f"http://{f'[{host}]' if ':' in host else host}:{listener.port}"


@contextlib.asynccontextmanager
async def _registered(node: str | None, base: str, secret: Secret | None) -> AsyncGenerator[None]:
    """A sandbox pushes here meanwhile; then as it did before."""
    if node is None:
        yield
        return
    ending = "" if secret is None else f"/{secret.reveal()}"
    async with sandbox_at(node) as control:
        before = await control.push_settings()
        await control.push_to(statuses=f"{base}/statuses{ending}", inbound=f"{base}/inbound{ending}")
        try:
            yield
        finally:
            # The sandbox may have ended before us.
            with contextlib.suppress(ConfigurationError):
                await control.push_to(statuses=before["statuses"]["url"], inbound=before["inbound"]["url"])
