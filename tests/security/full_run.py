"""Everything the package does, once: all protocols, refusals, faults, pushes, inbound, outbox, reports, the page."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from sms_traffic_async import (
    HttpOptions,
    Message,
    RetryPolicy,
    SmppOptions,
    SmsTraffic,
    SmtpOptions,
    SoapOptions,
    Timeouts,
    TrackingOptions,
)
from sms_traffic_async.messages import Via
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules
from sms_traffic_async.policy.guards import ONLY_TO_VARIABLE, OnlyTo
from sms_traffic_async.sandbox import Drop, FaultRule, Garbage, ProxyPage, Sandbox, ServerError, Temporary, Throttle
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings
from sms_traffic_async.secrets import Secret
from sms_traffic_async.webhooks import AccessLogFilter, Receiver
from tests.otel.kit import Collector
from tests.support.virtual_loop import VirtualClock
from tests.webhooks.test_servers import SERVERS

API_KEY = "52417/marked-secret-half-of-the-key-Q7"
LOGIN, PASSWORD = "sweep_login", "marked-pass-W8"
SMTP_PASSWORD = "marked-relay-password-E9"
WEBHOOK_SECRET = "marked-webhook-secret-R0-of-mine"
PEPPER = "marked-pepper-of-the-guard-T1"
PHONE, SUBSCRIBER = "79163574826", "79268461739"
TEXT, ANSWER = "Меченый текст сообщения", "Меченый ответ абонента"
VIAS: tuple[Via, ...] = ("v2", "v1", "soap", "smpp", "smtp")


class Record(logging.Handler):
    """Every record of every logger, as a formatter with an exception would print it, and its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[tuple[str, int, str]] = []
        self._lock = threading.Lock()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        with self._lock:
            self.lines.append((record.name, record.levelno, f"{self.format(record)} {record.args!r}"))


@contextlib.contextmanager
def everything_logged() -> Iterator[Record]:
    """Every logger at DEBUG, as an application in trouble has them."""
    root, record = logging.getLogger(), Record()
    level, access = root.level, logging.getLogger("uvicorn.access")
    hiding = AccessLogFilter([WEBHOOK_SECRET])  # as docs/webhooks.md says
    access.addFilter(hiding)
    root.addHandler(record)
    root.setLevel(logging.DEBUG)
    try:
        yield record
    finally:
        root.setLevel(level)
        root.removeHandler(record)
        access.removeFilter(hiding)


class Run:
    """One full run.

    Attributes:
        errors: everything that was raised.
        values: what was returned or handed over.
        events: what the hooks were told.
        reprs: of every object of the package that was alive at some moment, by type.
        pages: what the platform's page and control API answered.
        health: what the outbox's page answered.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.errors: list[BaseException] = []
        self.values: list[Any] = []
        self.events: list[Any] = []
        self.reprs: dict[str, set[str]] = {}
        self.pages: dict[str, str] = {}
        self.collector = Collector()

    async def tried(self, work: Awaitable[Any]) -> Any:
        """What it gives, or ``None`` where it raises; both are kept."""
        try:
            value = await work
        except Exception as error:  # whatever it is, it is looked at
            self.errors.append(error)
            return None
        self.values.append(value)
        return value

    def look(self) -> None:
        """The repr of every live object of the package."""
        for one in gc.get_objects():
            kind = type(one)
            if str(getattr(kind, "__module__", "")).startswith("sms_traffic_async"):
                self.reprs.setdefault(f"{kind.__module__}.{kind.__qualname__}", set()).add(_printed(one))

    def session(self, sandbox: Sandbox, **options: Any) -> SmsTraffic:
        """A session with everything set up."""
        host, port = sandbox.smtp_address
        known = sandbox.client_options() | {
            "clock": VirtualClock(),
            "hooks": [self.events.append, self.collector.hooks],
            "smtp": SmtpOptions(
                sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True
            ),
            "timeouts": Timeouts(poll_after=5.0, deadline=8.0),
            "retry": RetryPolicy(max_attempts=2, lookup_window=3.0),
        }
        return SmsTraffic(**(known | options))

    async def all(self) -> None:
        """Do it."""
        async with Sandbox(api_key=API_KEY, login=LOGIN, password=PASSWORD) as sandbox:
            tracking = TrackingOptions(store=self.folder / "tracking.db")
            async with (
                self.session(sandbox, tracking=tracking) as sms,
                SERVERS["uvicorn"](sms.webhooks(secret=WEBHOOK_SECRET)) as url,
            ):
                await self._good(sms, sandbox, url)
                await self._refused(sms)
                await self._forged(url)
                await self._faults(sms, sandbox)
                await self._questions(sms)
                await self._outbox(sms)
                self.look()
                await self._page(sandbox)
            self.look()
            await self._strangers(sandbox)
        with pytest.MonkeyPatch.context() as monkeypatch:
            await self._misuse(monkeypatch)
        self.look()

    async def _good(self, sms: SmsTraffic, sandbox: Sandbox, url: str) -> None:
        account = sandbox.accounts.get()
        account.pushes = PushSettings(url=f"{url}/statuses/{WEBHOOK_SECRET}")
        account.inbound = InboundSettings(url=f"{url}/inbound/{WEBHOOK_SECRET}")

        async def broken(_update: object) -> None:
            raise ValueError(f"{PHONE} {TEXT}")  # an application's own error may hold anything

        callback = sms.on_status(broken)
        async with sms.inbound() as inbound, sms.updates() as updates:
            sent = [await self.tried(sms.send(PHONE, TEXT, via=via)) for via in VIAS]
            await self.tried(asyncio.gather(*(sms.send(PHONE, f"{TEXT} {number}") for number in range(30))))
            async with sms.send_many([Message(to=PHONE, text=f"{TEXT} {number}") for number in range(20)]) as results:
                self.values += [one async for one in results]
            for one in sent[:4]:
                await self.tried(sms.wait_for(one, timeout=60))
            await self.tried(sms.mark_checked(sent[0]))
            sandbox.inbound(sender=SUBSCRIBER, recipient="3299", text=ANSWER)
            self.values.append(await anext(inbound))
            self.values.append(await anext(updates))
            self.values += [sms.stats.read(), sms.smpp.stats(), updates.stats, inbound.stats, callback.stats]
            self.look()
        await callback.remove()

    async def _refused(self, sms: SmsTraffic) -> None:
        for via in VIAS:
            await self.tried(sms.send(PHONE[:-4] + "9425", TEXT, via=via))
            await self.tried(sms.send(PHONE, TEXT * 50, via=via, max_parts=1))
            await self.tried(sms.send(PHONE, TEXT, via=via, originator="слишком-длинное-имя"))
        for wrong in (TEXT, PHONE + PHONE, "", None):
            to: Any = wrong
            await self.tried(sms.send(to, TEXT))
            await self.tried(sms.send(PHONE, to))
        guard = AbuseGuard(AbuseRules(countries=("7",)), pepper=PEPPER, clock=VirtualClock())
        view = sms.with_options(guard=guard)
        for _ in range(2):
            await self.tried(view.send(PHONE, TEXT))

    async def _forged(self, url: str) -> None:
        # Not httpx, which logs URLs: this is somebody else's program.
        async with aiohttp.ClientSession() as client:
            body = json.dumps([{"sms_id": "1", "status": "Delivered", "phone": PHONE, "message": TEXT}, {"x": TEXT}])
            for path in (f"/statuses/{WEBHOOK_SECRET}x", f"/statuses/{WEBHOOK_SECRET}", f"/inbound/{WEBHOOK_SECRET}"):
                for content in (body, f"{TEXT} {PHONE}", "[" * 1000):
                    async with client.post(url + path, data=content.encode()) as answer:
                        page = await answer.text() + repr(answer.headers)
                        self.pages[f"webhook {path[:10]} {len(content)}"] = page

    async def _faults(self, sms: SmsTraffic, sandbox: Sandbox) -> None:
        effects = (Drop(when="after"), Drop(), Garbage(), ServerError(), Temporary(), Throttle(), ProxyPage())
        for effect in effects:
            for via in VIAS:
                with contextlib.suppress(Exception):  # not every effect suits every protocol
                    sandbox.faults.add(FaultRule(effect=effect, protocol=via, operation="send"))
                with contextlib.suppress(Exception):
                    sandbox.faults.add(FaultRule(effect=effect, protocol=via, operation="submit"))
            for via in VIAS:
                await self.tried(sms.send(PHONE, TEXT, via=via, timeout=6))
            await self.tried(asyncio.gather(*(sms.send(PHONE, TEXT, timeout=6) for _ in range(5))))
            sandbox.faults.clear()
            await asyncio.sleep(120)  # pauses and breakers are over
        self.look()

    async def _questions(self, sms: SmsTraffic) -> None:
        await self.tried(sms.balance())
        await self.tried(sms.v2.statuses(["104637902978914716"]))
        await self.tried(sms.v1.balance())
        await self.tried(sms.soap.balance())
        await self.tried(sms.v2.send([PHONE], TEXT))

    async def _outbox(self, sms: SmsTraffic) -> None:
        async with Outbox(self.folder / "outbox.db", clock=VirtualClock(), hooks=self.events.append) as outbox:
            names = await outbox.enqueue_many([Message(to=PHONE, text=f"{TEXT} {number}") for number in range(10)])
            names.append(await outbox.enqueue(Message(to=PHONE[:-4] + "9425", text=TEXT)))
            self.look()
            await outbox.run(sms, until_empty=True)
            self.values += [await outbox.status(name) for name in names]
            await self.tried(outbox.enqueue(Message(to=PHONE, text=TEXT), key=""))

    async def _page(self, sandbox: Sandbox) -> None:
        async with aiohttp.ClientSession(sandbox.urls[0]) as client:
            async with client.get("/_sandbox/openapi.json") as answer:
                schema = await answer.json()
            paths = [path for path, how in schema["paths"].items() if "get" in how and "{" not in path]
            for path in ["/", *(one for one in paths if not one.endswith(("/events", "/wait")))]:
                async with client.get(path) as answer:
                    self.pages[path] = await answer.text()

    async def _strangers(self, sandbox: Sandbox) -> None:
        """Wrong credentials, and servers that are not there."""
        host, port = sandbox.smtp_address
        wrong = {
            "api_key": API_KEY + "x",
            "password": PASSWORD + "x",
            "smpp": sandbox.smpp.options(system_id="other", password=PASSWORD),
            "smtp": SmtpOptions(
                sender="shop@example.ru", host=host, port=port, tls="none",
                login="relay", password=Secret(SMTP_PASSWORD),
                allow_passwords_without_tls=True,
            ),
        }  # fmt: skip
        nowhere = {
            "nodes": ["http://127.0.0.1:9"],
            "soap": SoapOptions(url="http://127.0.0.1:9/soap"),
            "smpp": SmppOptions(servers="smpp://127.0.0.1:9"),
            "smtp": SmtpOptions(sender="a@example.ru", host="127.0.0.1", port=9, tls="none",
                                allow_passwords_without_tls=True),
            "http": HttpOptions(proxy=f"http://user:{PASSWORD}@127.0.0.1:9"),
        }  # fmt: skip
        for options in (wrong, nowhere):
            async with self.session(sandbox, **options) as sms:
                for via in VIAS:
                    await self.tried(sms.send(PHONE, TEXT, via=via, timeout=4))
                await self.tried(sms.balance())
                self.look()

    async def _misuse(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a caller does wrong with a credential in hand."""
        text: Any = SMTP_PASSWORD  # not a Secret
        sms = SmsTraffic(api_key=API_KEY)
        monkeypatch.setenv(ONLY_TO_VARIABLE, f"{PHONE}, x")
        for make in (
            lambda: SmtpOptions(sender="a@example.ru", host="relay", login="l", password=text),
            lambda: SmtpOptions(sender="no address", host="relay", login="l", password=Secret(SMTP_PASSWORD)),
            lambda: SmppOptions(system_id="x" * 99, password=PASSWORD),
            lambda: SmppOptions(system_id="x", password=PASSWORD, window=0),
            lambda: HttpOptions(proxy=f"ftp://user:{PASSWORD}@proxy", in_flight=0),
            lambda: SmsTraffic(api_key=API_KEY.replace("/", ":"), password=PASSWORD),
            lambda: SmsTraffic(login=LOGIN, password=PASSWORD, max_parts=0),
            lambda: SmsTraffic(api_key=API_KEY, hooks=cast("Any", 5)),
            lambda: Receiver(secret=WEBHOOK_SECRET[:10]),
            lambda: Receiver(secret=[WEBHOOK_SECRET, text[:5]]),
            lambda: AbuseGuard(AbuseRules(countries=("7",)), pepper=PEPPER[:8]),
            lambda: Message(to=TEXT, text=PHONE),
            lambda: Message(to=PHONE, text=TEXT, originator=TEXT),
            lambda: Outbox(f"postgresql:/user:{PASSWORD}@nowhere"),
            OnlyTo.from_env,
            lambda: sms.webhooks(secret=[WEBHOOK_SECRET, text[:5]]),
        ):
            await self.tried(_made(make))
        async with asyncio.timeout(20):
            await self.tried(_opened(f"postgresql://user:{PASSWORD}@127.0.0.1:9/sms"))


async def _made(make: Callable[[], Any]) -> Any:
    return make()


async def _opened(dsn: str) -> None:
    outbox = Outbox(dsn)
    try:
        async with asyncio.timeout(10):
            await outbox.open()
    finally:
        await outbox.aclose()


def _printed(one: object) -> str:
    try:
        return repr(one)
    except Exception as error:  # an object that is half made
        return type(error).__name__
