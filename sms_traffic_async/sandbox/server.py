"""The platform on your machine: ``async with Sandbox() as sandbox: ...``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accept_log import AcceptLog
from sms_traffic_async.sandbox.accounts import DEFAULT_API_KEY, DEFAULT_LOGIN, DEFAULT_PASSWORD, Accounts
from sms_traffic_async.sandbox.clock import Duration, SandboxClock
from sms_traffic_async.sandbox.config_file import Beginning, read_config
from sms_traffic_async.sandbox.data_file import DataFile
from sms_traffic_async.sandbox.faults import Faults
from sms_traffic_async.sandbox.findings import Findings
from sms_traffic_async.sandbox.http_listener import HttpListener
from sms_traffic_async.sandbox.http_node import NodeApp
from sms_traffic_async.sandbox.life import Pace
from sms_traffic_async.sandbox.outcomes import Outcomes
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.pushes import Pushes
from sms_traffic_async.sandbox.recording import Recorder, read_recording
from sms_traffic_async.sandbox.rooms import mount_rooms
from sms_traffic_async.sandbox.search import matcher
from sms_traffic_async.sandbox.smpp import Smsc
from sms_traffic_async.sandbox.smtp_replies import Replies
from sms_traffic_async.sandbox.store import KEEP_NEWEST, StoredMessage
from sms_traffic_async.sandbox.switches import Switches
from sms_traffic_async.sandbox.waiting import wait_for_message
from sms_traffic_async.settings import SoapOptions
from sms_traffic_async.settings_smpp import SmppOptions

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from sms_traffic_async.sandbox.network import FaultProxy
    from sms_traffic_async.sandbox.smtp import SmtpListener

__all__ = ("NODES", "Sandbox")

NODES = (1, 2)
State: TypeAlias = Literal["new", "open", "closed"]


class Sandbox:
    """The whole platform in one process, over one store, on two nodes.

    Usable once: enter it, and everything it opened is closed on exit. It lives in the loop that enters it.

    Args:
        host: the address to listen on.
        ports: of the two nodes' HTTP; 0 takes a free one.
        api_key: of the account that works out of the box.
        login: of the same account.
        password: of the same account.
        switches: how open questions of the document are answered.
        pace: how long the steps of a message take.
        profile: a fault profile to start with.
        seed: of the faults.
        start: the first reading of the clock (an aware datetime); ``None`` for now.
        real_time: ``False`` stops the clock but for ``advance()``.
        proxied: put a `FaultProxy` in front of every port; ``.urls`` lead through it, ``.proxies`` breaks connections.
        keep: how many messages ``.messages`` shows.
        smtp_port: of the mail server; 0 takes a free one, ``None`` has no mail server.
        smtp_tls: lets the mail server offer STARTTLS.
        mail_relay: host and port of an SMTP server for reply letters; without it they are kept in ``.letters`` only.
        smpp_ports: of the two nodes' SMPP; 0 takes a free one, ``None`` has none of the kind.
        smpp_tls_ports: the same over TLS.
        config: a TOML file with accounts, numbers, switches and pace (docs/sandbox.md); what is given here goes before.
        data: a SQLite file that the state outlives a restart in (docs/sandbox.md); of one sandbox at a time.
        record: a file that everything is written to as it happens, for ``replay`` (docs/sandbox.md).

    Example::

        async with Sandbox() as sandbox:
            async with SmsTraffic(**sandbox.client_options()) as sms:
                await sms.send("79161112233", "hello")
            assert len(sandbox.accepted) == 1
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        ports: Sequence[int] = (0, 0),
        api_key: str = DEFAULT_API_KEY,
        login: str = DEFAULT_LOGIN,
        password: str = DEFAULT_PASSWORD,
        switches: Switches | None = None,
        pace: Pace | None = None,
        profile: str = "healthy",
        seed: int | str = 0,
        start: datetime | None = None,
        real_time: bool = True,
        proxied: bool = False,
        keep: int = KEEP_NEWEST,
        smtp_port: int | None = 0,
        smtp_tls: ssl.SSLContext | None = None,
        mail_relay: tuple[str, int] | None = None,
        smpp_ports: Sequence[int] | None = (0, 0),
        smpp_tls_ports: Sequence[int] | None = (0, 0),
        config: str | Path | None = None,
        data: str | Path | None = None,
        record: str | Path | None = None,
    ) -> None:
        if any(given is not None and len(given) != len(NODES) for given in (ports, smpp_ports, smpp_tls_ports)):
            raise ConfigurationError("a sandbox has two nodes: ports are two numbers")
        self._host = host
        self._ports = tuple(ports)
        self._credentials = (api_key, login, password)
        self._proxied = proxied
        self._profile = (profile, seed)
        self.clock: SandboxClock = SandboxClock(start, running=real_time)
        self._beginning = read_config(config) if config is not None else Beginning()
        switches, pace = switches or self._beginning.switches, pace or self._beginning.pace
        outcomes = self._beginning.outcomes
        self.platform: Platform = Platform(
            self.clock, self._accounts(), switches=switches, pace=pace, keep=keep, outcomes=outcomes
        )
        self.platform.faults.profile(profile, seed)
        self._begun = (self.platform.switches, self.platform.life.pace)
        self.nodes: tuple[NodeApp, ...] = tuple(NodeApp(self.platform, node) for node in NODES)
        mount_rooms(self, host)
        self.proxies: tuple[FaultProxy, ...] = ()
        self.smtp_proxy: FaultProxy | None = None
        self._smtp_port = smtp_port
        self._smtp_tls = smtp_tls
        self._smtp: SmtpListener | None = None
        self.letters: Replies = Replies(self.clock, mail_relay)
        """The reply letters of the second e-mail variant."""
        self.pushes: Pushes = Pushes(self.platform, relay=mail_relay)
        self.smpp: Smsc = Smsc(self.platform, host)
        """The SMPP side: its addresses, who is bound, what waits for them, and means to break it off."""
        self._smpp_ports = (smpp_ports, smpp_tls_ports)
        self.data_file: DataFile | None = None if data is None else DataFile(self, data)
        self.recorder: Recorder | None = None if record is None else Recorder(self, record)
        """Writes the recording; its ``.problem`` says why it has stopped."""
        self._listeners: tuple[HttpListener, ...] = ()
        self._closing = AsyncExitStack()
        self._state: State = "new"

    async def __aenter__(self) -> Self:
        """Listen on every port.

        Raises:
            ConfigurationError: the extra is missing, a port is taken, or it was used before.
        """
        if self._state != "new":
            raise ConfigurationError("a sandbox is entered once; make a new one")
        # Until it listens: what fails on the way must not leave it half open.
        self._state = "closed"
        async with AsyncExitStack() as stack:
            stack.callback(self.clock.close)
            self.clock.start()
            stack.push_async_callback(self.pushes.aclose)
            for keeper in (self.data_file, self.recorder):
                if keeper is not None:
                    stack.push_async_callback(keeper.aclose)
                    await keeper.start()
            self._listeners = tuple(HttpListener(app) for app in self.nodes)
            for listener, port in zip(self._listeners, self._ports, strict=True):
                stack.push_async_callback(listener.aclose)
                await listener.start(self._host, port)
            if self._smtp_port is not None:
                await self._start_smtp(stack, self._smtp_port)
            stack.push_async_callback(self.smpp.aclose)
            await self.smpp.listen(*self._smpp_ports)
            if self._proxied:
                await self._start_proxies(stack)
            # Last in, first out: whoever sleeps on the clock ends before its listener waits for it.
            stack.callback(self.clock.close)
            self._closing = stack.pop_all()
        self._state = "open"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close everything."""
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening, end every connection and task. Doing it twice changes nothing."""
        self._state = "closed"
        await self._closing.aclose()

    async def _start_smtp(self, stack: AsyncExitStack, port: int) -> None:
        # After the listeners: its import needs the extra, which they name when it is missing.
        from sms_traffic_async.sandbox.smtp import SmtpListener

        stack.push_async_callback(self.letters.aclose)
        self._smtp = SmtpListener(self.platform, self.letters, tls=self._smtp_tls)
        stack.push_async_callback(self._smtp.aclose)
        await self._smtp.start(self._host, port)

    async def _start_proxies(self, stack: AsyncExitStack) -> None:
        from sms_traffic_async.sandbox.network import FaultProxy

        proxies: list[FaultProxy] = []
        for listener in self._listeners:
            proxy = await FaultProxy.start(self._host, listener.port, host=self._host)
            stack.push_async_callback(proxy.aclose)
            proxies.append(proxy)
        self.proxies = tuple(proxies)
        if self._smtp is not None:
            self.smtp_proxy = await FaultProxy.start(self._host, self._smtp.port, host=self._host)
            stack.push_async_callback(self.smtp_proxy.aclose)
        await self.smpp.start_proxies(stack)

    def _accounts(self) -> Accounts:
        api_key, login, password = self._credentials
        return self._beginning.make_accounts(api_key=api_key, login=login, password=password)

    @property
    def urls(self) -> tuple[str, ...]:
        """The base URLs of the two nodes, through the proxies where there are any."""
        ports = [proxy.port for proxy in self.proxies] or [listener.port for listener in self._listeners]
        if not ports or self._state != "open":
            raise ConfigurationError("a sandbox has URLs only while it is open")
        return tuple(f"http://{self._host}:{port}" for port in ports)

    @property
    def soap_urls(self) -> tuple[str, ...]:
        """The SOAP endpoints of the two nodes; the WSDL is beside each, at ``/soap.wsdl``."""
        return tuple(f"{url}/soap.php" for url in self.urls)

    @property
    def smtp_address(self) -> tuple[str, int]:
        """Host and port of the mail server, through its proxy where there is one."""
        if self._smtp is None or self._state != "open":
            raise ConfigurationError("a sandbox has a mail server only while it is open, and not with smtp_port=None")
        return self._host, (self._smtp if self.smtp_proxy is None else self.smtp_proxy).port

    @property
    def smtp_port(self) -> int:
        """The port of ``smtp_address``."""
        return self.smtp_address[1]

    def smpp_address(self, node: int = 1, *, tls: bool = True) -> tuple[str, int]:
        """Host and port of a node's SMPP, through its proxy where there is one."""
        return self.smpp.address(node, tls=tls)

    def smpp_options(self, *, tls: bool | None = None, **options: Any) -> SmppOptions:
        """How a client reaches its SMPP, with further options; over TLS unless told otherwise."""
        return self.smpp.options(tls=tls, **options)

    @property
    def api_key(self) -> str:
        """The token of the account that works out of the box."""
        return self._credentials[0]

    @property
    def credentials(self) -> tuple[str, str, str]:
        """Token, login and password of that account."""
        return self._credentials

    @property
    def page_url(self) -> str:
        """Where the inbox page is."""
        return f"{self.urls[0]}/"

    @property
    def addresses(self) -> dict[str, str]:
        """Every address by its name, for people."""
        first, second = self.urls
        found = {"page": self.page_url, "node 1": first, "node 2": second, "soap": self.soap_urls[0]}
        if self._smtp is not None:
            found["smtp"] = "{}:{}".format(*self.smtp_address)
        for node, tls in sorted(self.smpp.ports):
            found[f"{'smpps' if tls else 'smpp'} {node}"] = "{}:{}".format(*self.smpp.address(node, tls=tls))
        return found

    def client_options(self) -> dict[str, Any]:
        """What ``SmsTraffic(**...)`` needs to speak to this sandbox."""
        api_key, login, password = self._credentials
        soap = SoapOptions(url=self.soap_urls[0], second_url=self.soap_urls[1])
        options = {"nodes": self.urls, "api_key": api_key, "login": login, "password": password, "soap": soap}
        return {**options, "smpp": self.smpp.options()} if self.smpp.ports else options

    async def advance(self, duration: Duration) -> None:
        """Move the clock: ``"2h"``, ``"90s"``, seconds or a timedelta; what is due happens before this returns."""
        await self.clock.advance(duration)

    async def replay(self, path: str | Path, *, fast: bool = False) -> int:
        """Let a recorded run happen again: messages, statuses, inbound messages, fault rules; your server is pushed to.

        Args:
            path: what ``record`` wrote.
            fast: move the clock, so that hours take moments.

        Returns:
            How many events there were.

        Raises:
            ConfigurationError: no recording, or one that cannot be read.
        """
        recording = await asyncio.to_thread(read_recording, path)
        await recording.replay(self, fast=fast)
        return len(recording)

    async def wait_for(self, query: str = "", *, timeout: float = 5.0) -> StoredMessage:  # noqa: ASYNC109 - the public face
        """The first message that a search finds, now or as soon as it comes.

        Args:
            query: such as ``to:79161112233 text:code``; see docs/sandbox.md.
            timeout: seconds of the loop's clock.

        Raises:
            TimeoutError: none came.
            ConfigurationError: the search cannot be read.
        """
        message = await wait_for_message(self.platform, matcher(query), timeout)
        if message is None:
            raise TimeoutError(f"no message was found in {timeout:g} s; {len(self.messages)} others are there")
        return message

    def inbound(
        self, *, sender: str, recipient: str, text: str, login: str = "", node: Literal[1, 2] = 1
    ) -> StoredMessage:
        """A subscriber writes to one of the account's numbers; it goes out by every way that is set.

        Args:
            sender: the subscriber's number.
            recipient: yours.
            text: any text.
            login: whose number it is; empty for the account that works out of the box.
            node: 1 or 2.
        """
        return self.platform.inbound(sender=sender, recipient=recipient, text=text, login=login, node=node)

    def reset(self) -> None:
        """Forget messages, logs and counters, and go back to the fault profile it was made with.

        Accounts, switches and the clock stay as they are.
        """
        self.platform.reset()
        self.pushes.reset()
        if self._smtp is not None:
            self._smtp.reset()
        self.smpp.reset()
        self.platform.faults.profile(*self._profile)

    def restore(self) -> None:
        """``reset``, and accounts, switches and pace as it was made with; the clock goes on."""
        self.reset()
        self.platform.switches, self.platform.life.pace = self._begun
        self.platform.accounts.become(self._accounts())

    @property
    def accepted(self) -> AcceptLog:
        """What was really accepted, the ground truth."""
        return self.platform.accepted

    @property
    def messages(self) -> tuple[StoredMessage, ...]:
        """The newest messages, sent and inbound, oldest first."""
        return self.platform.store.newest()

    @property
    def faults(self) -> Faults:
        """The faults in use and their log."""
        return self.platform.faults

    @property
    def findings(self) -> Findings:
        """What requests had wrong."""
        return self.platform.findings

    @property
    def accounts(self) -> Accounts:
        """Accounts, departments and tokens."""
        return self.platform.accounts

    @property
    def outcomes(self) -> Outcomes:
        """What becomes of which numbers."""
        return self.platform.outcomes

    @property
    def switches(self) -> Switches:
        """How open questions of the document are answered; assign another value to change it."""
        return self.platform.switches

    @switches.setter
    def switches(self, value: Switches) -> None:
        self.platform.switches = value

    @property
    def pace(self) -> Pace:
        """How long the steps of a message take; assign another value to change it for new steps."""
        return self.platform.life.pace

    @pace.setter
    def pace(self, value: Pace) -> None:
        self.platform.life.pace = value
