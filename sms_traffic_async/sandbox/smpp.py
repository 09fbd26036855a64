"""The platform's SMPP side: four ports, the links on them, and what a test does to both.

The machine behind every link is the client's own, in the other role
(``protocols.smpp.protocol``); what is refused, and how, is the document's
chapter on SMPP. Clients of other houses are the judges of it in the tests.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.smpp.pdu import DeliverSm
from sms_traffic_async.sandbox.certificates import Certificates, make_certificates
from sms_traffic_async.sandbox.effects import How
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.smpp_deliveries import Deliveries
from sms_traffic_async.sandbox.smpp_desk import Desk, Sender
from sms_traffic_async.sandbox.smpp_inbound import Inbound
from sms_traffic_async.sandbox.smpp_link import Link
from sms_traffic_async.sandbox.smpp_receipts import Receipts
from sms_traffic_async.sandbox.smpp_requests import Requests
from sms_traffic_async.sandbox.smpp_slots import Slots
from sms_traffic_async.settings_smpp import SmppOptions

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.network import FaultProxy

__all__ = ("BoundLink", "Smsc")

CLOSE_TIMEOUT: Final = 2.0
HANDSHAKE_TIMEOUT: Final = 10.0
BACKLOG: Final = 512


class BoundLink(NamedTuple):
    """A link as the page and tests see it."""

    node: int
    tls: bool
    system_id: str
    mode: str
    unanswered: int
    """deliver_sms that wait for the client's answer."""


class Smsc:
    """Every link of both nodes.

    Attributes:
        platform: what stands behind it.
        ports: by node and whether it is TLS; empty while nobody listens.
        proxies: the fault proxies in front of them, where there are any.
        deliveries: receipts and inbound messages that wait.
        slots: who holds which receiver's place.
    """

    def __init__(self, platform: Platform, host: str) -> None:
        self.platform = platform
        self._host = host
        self._certificates: Certificates | None = None
        self.ports: dict[tuple[int, bool], int] = {}
        self.proxies: dict[tuple[int, bool], FaultProxy] = {}
        self.deliveries: Deliveries = Deliveries(platform)
        self.slots: Slots = Slots(platform)
        self._desk = Desk(platform)
        self._receipts = Receipts(platform, self.deliveries)
        self._inbound = Inbound(platform, self.deliveries)
        self.requests: Requests = Requests(platform, self._desk, self.slots, self._receipts)
        platform.inbound.ways.append(self._inbound.deliver)
        self._servers: list[asyncio.Server] = []
        self._links: set[Link] = set()
        self._gone = asyncio.Event()

    async def listen(self, plain: Sequence[int] | None, over_tls: Sequence[int] | None) -> None:
        """Listen at up to two ports of each node.

        Args:
            plain: node 1's and node 2's ports; 0 takes a free one, ``None`` has none.
            over_tls: the same, with TLS.

        Raises:
            ConfigurationError: a port is taken, or the extra is missing.
        """
        if plain is not None:
            await self._listen(plain, None)
        if over_tls is not None:
            self._certificates = await make_certificates(self._host)
            await self._listen(over_tls, self._certificates.server)

    async def start_proxies(self, stack: AsyncExitStack) -> None:
        """Put a fault proxy in front of every port; ``address()`` then leads through them."""
        from sms_traffic_async.sandbox.network import FaultProxy

        for key, port in self.ports.items():
            self.proxies[key] = await FaultProxy.start(self._host, port, host=self._host)
            stack.push_async_callback(self.proxies[key].aclose)

    def address(self, node: int = 1, *, tls: bool = True) -> tuple[str, int]:
        """Host and port of a node, through its proxy where there is one.

        Raises:
            ConfigurationError: there is no such port, or the sandbox is not open.
        """
        port = self.ports.get((node, tls))
        if port is None:
            raise ConfigurationError("a sandbox has SMPP only while it is open, and not where its port is None")
        proxy = self.proxies.get((node, tls))
        return self._host, port if proxy is None else proxy.port

    def servers(self, *, tls: bool = True) -> tuple[str, ...]:
        """The two nodes as `SmppOptions` takes them: ``smpps://…``, or ``smpp://…``."""
        scheme = "smpps" if tls else "smpp"
        return tuple("{}://{}:{}".format(scheme, *self.address(node, tls=tls)) for node in (1, 2))

    def options(self, *, tls: bool | None = None, **options: Any) -> SmppOptions:
        """How a client reaches both nodes: over TLS where it is spoken, unless told otherwise.

        Args:
            tls: which of the two.
            options: further ones of `SmppOptions`.
        """
        if tls is None:
            tls = self._certificates is not None
        context = self.certificates.client() if tls else None
        return SmppOptions(servers=self.servers(tls=tls), ssl_context=context, **options)

    @property
    def certificates(self) -> Certificates:
        """Those of the TLS ports; ``.client()`` makes a context that trusts them."""
        if self._certificates is None:
            raise ConfigurationError("a sandbox has certificates only where it has opened a TLS port")
        return self._certificates

    @property
    def bound(self) -> tuple[BoundLink, ...]:
        """The links that are bound, node 1's first."""
        found = [
            BoundLink(link.node, link.tls, link.sender.system_id, link.mode.value, link.session.in_flight)
            for link in self._links
            if link.sender is not None and link.mode is not None
        ]
        return tuple(sorted(found))

    @property
    def outstanding(self) -> int:
        """What receivers are still to have: receipts that are due, wait or have no answer, and messages that wait."""
        written = sum(link.session.in_flight for link in self._links)
        return self._receipts.due + self.deliveries.waiting() + written

    def deliver(self, pdu: DeliverSm, *, login: str = "", node: int = 1) -> None:
        """Send one deliver_sm as it is to a login's receiver: binary, in a foreign coding, damaged.

        Args:
            pdu: what.
            login: whose; the first account's without one.
            node: which node it comes from (U9).

        Raises:
            LocalProtocolError: a field of it does not fit its place.
            ConfigurationError: there is no such login.
        """
        accounts = self.platform.accounts
        if login and not accounts.has_login(login):
            raise ConfigurationError("there is no such login")
        self._inbound.post(pdu, login=login or accounts.get().login, node=node)

    def unbind(self, *, node: int | None = None) -> int:
        """Unbind every link, of one node or of both; says how many."""
        return self._each(node, Link.unbind)

    def drop(self, *, node: int | None = None, how: How = "rst") -> int:
        """End every connection, of one node or of both; says how many."""
        return self._each(node, partial(_end, rst=how == "rst"))

    def receivers(self, sender: Sender) -> list[Link]:
        """The links bound to receive what belongs to the same login."""
        login = sender.principal.login
        return [
            link
            for link in self._links
            if link.sender is not None
            and link.sender.principal.login == login
            and link.mode is not None
            and link.mode.receives
        ]

    def opened(self, link: Link) -> None:
        """A link begins."""
        self._links.add(link)

    def closed(self, link: Link) -> None:
        """A link is over."""
        self._links.discard(link)
        self._desk.forget(link)
        if not self._links:
            self._gone.set()

    def reset(self) -> None:
        """Forget deliveries, counts, ghosts and what waits for its other parts; links stay bound."""
        self.deliveries.clear()
        self.slots.clear_ghosts()
        self._desk.clear()
        self._receipts.clear()

    async def aclose(self) -> None:
        """Stop listening and end every connection, within a bound."""
        servers, self._servers = self._servers, []
        self.ports = {}
        for server in servers:
            server.close()
        if self._links:
            self._gone.clear()
            self.drop(how="fin")
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await self._gone.wait()
            except TimeoutError:
                self.drop()
                await asyncio.sleep(0)
        for server in servers:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await server.wait_closed()

    async def _listen(self, ports: Sequence[int], tls: ssl.SSLContext | None) -> None:
        host = self._host
        for node, port in enumerate(ports, 1):
            options: dict[str, Any] = {}
            if tls is not None:
                options = {"ssl": tls, "ssl_handshake_timeout": HANDSHAKE_TIMEOUT, "ssl_shutdown_timeout": 1.0}
            make = partial(Link, self, node, tls=tls is not None)
            try:
                server = await asyncio.get_running_loop().create_server(make, host, port, backlog=BACKLOG, **options)
            except OSError as error:
                raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
            self._servers.append(server)
            self.ports[node, tls is not None] = server.sockets[0].getsockname()[1]

    def _each(self, node: int | None, action: Callable[[Link], None]) -> int:
        links = [link for link in self._links if node in {None, link.node}]
        for link in links:
            link.step(partial(action, link))
        return len(links)


def _end(link: Link, *, rst: bool) -> None:
    link.end(rst=rst)
