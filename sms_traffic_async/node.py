"""One host of the platform, read from its base URL and named for logs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sms_traffic_async.errors import ConfigurationError

__all__ = ("DEFAULT_NODES", "Node", "address_of", "parse_nodes")

DEFAULT_NODES = ("https://api.smstraffic.ru", "https://api2.smstraffic.ru")
"""Document, "Надёжность и отказоустойчивость": two separate nodes, main one first."""

_LOOPBACK = r"localhost|127(\.\d{1,3}){3}|::1"
_HOST = r"[\w.\-]+|[0-9a-fA-F:.]+"
_STANDARD_PORTS = {"http": 80, "https": 443}
_EXAMPLE = f"a node is a URL such as {DEFAULT_NODES[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One of the platform's hosts.

    Attributes:
        url: the base URL, without a slash at its end.
        name: what it is called in logs and errors: the host, with its port where that is not the usual one.
    """

    url: str
    name: str

    @classmethod
    def parse(cls, url: str) -> Node:
        """Read a base URL; a path prefix is kept.

        Raises:
            ConfigurationError: not https (plain http is for loopback only), or
                credentials, query or fragment in the URL. The URL is not shown.
        """
        node, problem = _read(url)
        del url  # a traceback printed with locals shows this frame, and the URL may hold a password
        if node is None:
            raise ConfigurationError(problem)
        return node


def parse_nodes(urls: Iterable[str]) -> tuple[Node, ...]:
    """Base URLs to nodes, blanks left out, order kept (the first is preferred).

    Raises:
        ConfigurationError: as ``Node.parse``.
    """
    if isinstance(urls, str) or not isinstance(urls, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        urls = (urls,)
    readings = [_read(url) for url in urls if str(url).strip()]
    del urls  # as in Node.parse
    for _, problem in readings:
        if problem:
            raise ConfigurationError(problem)
    return tuple(node for node, _ in readings if node is not None)


def address_of(node: str) -> tuple[str, int | None]:
    """The name of a node as its host, and its port where that is not the usual one."""
    host, colon, port = node.rpartition(":")
    if not colon or not port.isdecimal():
        return node, None
    return host.strip("[]"), int(port)


def _read(url: object) -> tuple[Node | None, str]:
    """The node, or what is wrong. Nothing of the URL is repeated: any part of it may be a password."""
    if not isinstance(url, str):
        return None, f"{_EXAMPLE}, not {type(url).__name__}"
    url = url.strip()
    if not url.isprintable() or " " in url:
        return None, f"{_EXAMPLE}, without spaces and control characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None, f"{_EXAMPLE}; this one's host or port cannot be read"
    host = parts.hostname or ""
    if "@" in parts.netloc or parts.query or parts.fragment:
        return None, "a node's URL holds no credentials, query or fragment"
    if parts.scheme not in _STANDARD_PORTS or not re.fullmatch(_HOST, host):
        return None, f"{_EXAMPLE}: scheme and host are needed"
    if parts.scheme == "http" and not re.fullmatch(_LOOPBACK, host):
        return None, f"plain http is for loopback only; use https for {host}"
    name = f"[{host}]" if ":" in host else host
    if port is not None and port != _STANDARD_PORTS[parts.scheme]:
        name = f"{name}:{port}"
    return Node(url=f"{parts.scheme}://{name}{parts.path.rstrip('/')}", name=name), ""
