"""The HTTP connections of one session.

Opened on first use, because building a TLS context takes 40 to 70 ms of work
and must not be done on the loop. Reports have connections of their own: a long
poll that is held open for five minutes must not take the place of a message.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.rate import RateLimiter
from sms_traffic_async.policy.window import Window
from sms_traffic_async.protocols.http.circuit import CredentialCircuit, RefusedLogins
from sms_traffic_async.protocols.http.ports import (
    USER_AGENT,
    ClientSender,
    Sender,
    TransportSender,
    borrowed_sender,
    no_cookies,
)
from sms_traffic_async.settings import HttpOptions, Settings, SoapOptions
from sms_traffic_async.telemetry import Telemetry, get_logger
from sms_traffic_async.tls import default_context

__all__ = ("HttpPool",)

SHARE_OF_RATE = 0.98
"""The network moves requests closer together: at the full rate, every second one would be the one too many."""

_log = get_logger("http")


class HttpPool:
    """Owns the connections, or borrows the caller's client.

    Args:
        settings: nodes and ``http`` options are used.
        telemetry: where requests are counted.

    Attributes:
        places: one for every request that sends or asks; ``HttpOptions.in_flight`` of them.
        circuit: which operations the credential was refused for a moment ago.
        logins: the same for logins and passwords.
        telemetry: as given.

    Raises:
        ConfigurationError: the client is of an unknown kind, or the TLS
            context allows less than TLS 1.2.
    """

    def __init__(self, settings: Settings, *, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.places: asyncio.Semaphore = asyncio.Semaphore(settings.http.in_flight)
        self.circuit: CredentialCircuit = CredentialCircuit()
        self.logins: RefusedLogins = RefusedLogins()
        self._options = settings.http
        self._rate = settings.http.rate
        # Beside nodes on loopback, SOAP's default address is not meant: no certificates are loaded for its sake.
        soap = () if settings.soap == SoapOptions() else settings.soap.nodes
        self._tls = any(node.url.startswith("https:") for node in (*settings.nodes, *soap))
        self._borrowed = None if settings.http.client is None else borrowed_sender(settings.http.client)
        self._context = settings.http.ssl_context
        if self._context is not None:
            _check_context(self._context)
        self._limiters: dict[tuple[str, str | None], RateLimiter] = {}
        self._opening: asyncio.Lock | None = None
        self._senders: dict[bool, Sender] = {}
        self._closed = False

    def limiter(self, credential: str, node: str | None) -> RateLimiter | None:
        """How fast a credential may be used; ``None`` where no rate was configured, and pauses are all there is.

        Args:
            credential: its public id.
            node: where limits are counted per node; else ``None``.
        """
        rate = self._rate
        if rate is None:
            return None
        limiter = self._limiters.get((credential, node))
        if limiter is None:
            limiter = self._limiters[credential, node] = RateLimiter(rate * SHARE_OF_RATE, window=Window(rate))
        return limiter

    @property
    def rate(self) -> float | None:
        """Requests a second of each credential. Setting it holds for those that wait already, too.

        Raises:
            ConfigurationError: neither None nor a finite number above 0.
        """
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = RateLimiter(rate).rate  # which checks it
        for limiter in self._limiters.values():
            limiter.rate = None if rate is None else rate * SHARE_OF_RATE
            if rate is None or limiter.window is None:
                limiter.window = None if rate is None else Window(rate)
            else:
                limiter.window.rate = rate

    def ready(self, *, report: bool = False) -> Sender | None:
        """What carries requests, if it is open already."""
        return self._senders.get(report)

    async def open(self, *, report: bool = False) -> Sender:
        """What carries requests; opened at the first call.

        Args:
            report: the one for long polls and downloads.

        Raises:
            ConfigurationError: the pool is closed, or proxy or certificates
                cannot be used.

        Cancellation: harmless; the next call opens it.
        """
        if self._closed:
            raise ConfigurationError("the session is closed")
        if self._borrowed is not None:
            self._senders[report] = self._borrowed
            return self._borrowed
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            sender = self._senders.get(report)
            if sender is None:
                if self._context is None and self._needs_certificates:
                    self._context = await asyncio.to_thread(default_context)
                sender = self._build(report=report)
                self._senders[report] = sender
            return sender

    async def aclose(self) -> None:
        """Close what was opened here; a borrowed client stays open.

        Cancellation: the rest is closed by the next call.
        """
        self._closed = True
        while self._senders:
            _, sender = self._senders.popitem()
            await sender.aclose()

    @property
    def _needs_certificates(self) -> bool:
        proxy = self._options.proxy or ""
        return self._tls or self._options.trust_env or proxy.startswith("https:")

    def _build(self, *, report: bool) -> Sender:
        import httpx

        options = self._options
        # Not one certificate authority in it: whatever asks for TLS without our knowing fails, and is not trusted.
        context = self._context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        limits = httpx.Limits(
            # The places bound the number, so the library's own bounds, which count idle connections
            # of the other node too, must not come first.
            max_connections=None,
            max_keepalive_connections=None,
            keepalive_expiry=options.keep_alive,
        )
        if options.trust_env:
            client = httpx.AsyncClient(
                verify=context,
                proxy=_proxy(options, context),
                trust_env=True,
                limits=limits,
                follow_redirects=False,
                cookies=no_cookies(),
                headers={"User-Agent": USER_AGENT},
            )
            return ClientSender(httpx, client, owned=True)
        transport = httpx.AsyncHTTPTransport(
            verify=context, proxy=_proxy(options, context), trust_env=False, limits=limits, retries=0
        )
        _log.debug("opened connections for %s", "reports" if report else "requests")
        return TransportSender(httpx, transport)


def _proxy(options: HttpOptions, context: ssl.SSLContext) -> Any:
    if options.proxy is None:
        return None
    import httpx

    try:
        proxy = httpx.Proxy(options.proxy)
    except (httpx.InvalidURL, ValueError, TypeError):
        # The URL may hold a password: it is not shown.
        proxy = None
    if proxy is None:
        raise ConfigurationError("http.proxy is not the URL of an http, https or socks5 proxy; it is not shown")
    if proxy.url.scheme == "https":
        proxy.ssl_context = context
    return proxy


def _check_context(context: ssl.SSLContext) -> None:
    if context.minimum_version not in {ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3}:
        raise ConfigurationError("http.ssl_context: set its minimum_version to TLSv1_2 or later")
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        _log.warning("http.ssl_context does not verify the platform's certificate: anybody between can read the key")
