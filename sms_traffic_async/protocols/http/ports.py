"""The two HTTP libraries that are known, each behind one small port.

httpx and httpx2 have the same names, so one class serves both; httpx2 is
imported only when an object of its own comes in.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from sms_traffic_async._version import __version__
from sms_traffic_async.errors import ConfigurationError

__all__ = (
    "USER_AGENT",
    "ClientSender",
    "Headers",
    "Response",
    "Sender",
    "Timeouts",
    "Trace",
    "TransportSender",
    "borrowed_sender",
    "no_cookies",
)

Headers: TypeAlias = Sequence[tuple[str, str]]
Timeouts: TypeAlias = Mapping[str, float]
"""Seconds by phase: connect, read, write, pool."""
Trace: TypeAlias = Callable[[str, Mapping[str, Any]], Coroutine[Any, Any, None]]

USER_AGENT = f"sms-traffic-async/{__version__}"
"""What our own connections call themselves; a borrowed client keeps its own name."""

_URLS_KEPT = 32
_PORTS = ("httpx", "httpx2")
_CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


class Response(Protocol):
    """What is used of a response. Its body is read from ``stream`` only, never inflated by the library."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Looked up in lower case."""
        ...

    @property
    def stream(self) -> AsyncIterable[bytes]:
        """The body as it came over the wire."""
        ...

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        ...


class Sender(Protocol):
    """What carries a request: our own transport, or a client."""

    def proves(self, base: str) -> bool:
        """Whether the transport behind a node's base URL reports its steps (see ``stage``)."""
        ...

    def overloaded(self, error: BaseException) -> bool:
        """Whether the request only waited for a free connection, in vain."""
        ...

    async def send(
        self, method: str, url: str, headers: Headers, content: bytes | None, timeouts: Timeouts, trace: Trace
    ) -> Response:
        """Send, and return when the head of the answer is there."""
        ...

    async def aclose(self) -> None:
        """Close the connections, if they are ours."""
        ...


class _ReadResponse:
    """A response whose body an event hook of the client has already read, and so inflated."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self.status_code: int = response.status_code
        self.headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}

    @property
    def stream(self) -> AsyncIterable[bytes]:
        return self._body()

    async def _body(self) -> AsyncIterator[bytes]:
        yield self._response.content

    async def aclose(self) -> None:
        await self._response.aclose()


class TransportSender:
    """Our own connections: an httpx transport without a client above it.

    There are no cookies, redirects, credentials of ``.netrc`` or log lines to
    be switched off, and a request costs a quarter less.
    """

    __slots__ = ("_library", "_transport", "_url")

    def __init__(self, library: ModuleType, transport: Any) -> None:
        self._library = library
        self._transport = transport
        # Parsing a URL costs as much as encoding a message, and there are a handful of them.
        self._url = lru_cache(maxsize=_URLS_KEPT)(library.URL)

    def proves(self, base: str) -> bool:  # noqa: ARG002 - one transport for every node
        """Always: httpcore is underneath."""
        return True

    def overloaded(self, error: BaseException) -> bool:
        """See ``Sender``."""
        return isinstance(error, self._library.PoolTimeout)

    async def send(
        self, method: str, url: str, headers: Headers, content: bytes | None, timeouts: Timeouts, trace: Trace
    ) -> Response:
        """See ``Sender``."""
        request = self._library.Request(
            method,
            self._url(url),
            headers=[*headers, ("User-Agent", USER_AGENT)],
            content=content,
            extensions={"timeout": timeouts, "trace": trace},
        )
        response: Response = await self._transport.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


class ClientSender:
    """An ``AsyncClient``: the caller's, or ours where the environment names proxies."""

    __slots__ = ("_client", "_core", "_library", "_owned", "_proofs")

    def __init__(self, library: ModuleType, client: Any, *, owned: bool) -> None:
        self._library = library
        self._core = _CORES[library.__name__]
        self._client = client
        self._owned = owned
        self._proofs: dict[str, bool] = {}

    def proves(self, base: str) -> bool:
        """Whether the library's own transport, over the library's own core, serves this node."""
        known = self._proofs.get(base)
        if known is None:
            known = self._proofs[base] = self._look(base)
        return known

    def _look(self, base: str) -> bool:
        # A subclass may do anything between us and the transport; a wrapped transport may report nothing.
        if type(self._client) is not self._library.AsyncClient:
            return False
        try:
            # No public way leads to them; where they are missing, nothing is proven.
            transport = self._client._transport_for_url(self._library.URL(base))  # noqa: SLF001 - as said above
            pool = transport._pool  # noqa: SLF001 - as said above
        except AttributeError:
            return False
        core = type(pool).__module__.partition(".")[0]
        return type(transport) is self._library.AsyncHTTPTransport and core == self._core

    def overloaded(self, error: BaseException) -> bool:
        """See ``Sender``."""
        return isinstance(error, self._library.PoolTimeout)

    async def send(
        self, method: str, url: str, headers: Headers, content: bytes | None, timeouts: Timeouts, trace: Trace
    ) -> Response:
        """See ``Sender``. The client's own headers stay where ours do not name them."""
        request = self._client.build_request(
            method, url, headers=headers, content=content, extensions={"timeout": timeouts, "trace": trace}
        )
        response = await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        if response.is_stream_consumed:
            return _ReadResponse(response)
        kept: Response = response
        return kept

    async def aclose(self) -> None:
        """Close the client if it is ours."""
        if self._owned:
            await self._client.aclose()


def borrowed_sender(client: object) -> ClientSender:
    """The port for a client that the caller hands in.

    Raises:
        ConfigurationError: it is neither an ``httpx.AsyncClient`` nor an
            ``httpx2.AsyncClient``, or it is closed.
    """
    roots = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    for name in _PORTS:
        if name not in roots:
            continue
        library: Any = importlib.import_module(name)
        if isinstance(client, library.AsyncClient):
            known: Any = client
            if known.is_closed:
                raise ConfigurationError("http.client is closed")
            return ClientSender(library, known, owned=False)
    kind = f"{type(client).__module__}.{type(client).__qualname__}"
    raise ConfigurationError(f"http.client is an httpx.AsyncClient or an httpx2.AsyncClient, not a {kind}")


def no_cookies() -> CookieJar:
    """A jar that keeps no cookie and sends none."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
