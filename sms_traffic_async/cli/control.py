"""Speaks to a running sandbox: its control API, on this machine."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

from cyclopts import Parameter

from sms_traffic_async.credentials import ENV_PREFIX
from sms_traffic_async.errors import ConfigurationError, SmsTrafficError
from sms_traffic_async.settings import parse_nodes

if TYPE_CHECKING:
    import httpx

__all__ = ("Control", "Running", "SandboxRefused", "sandbox_at")

DEFAULT_SANDBOX = "http://127.0.0.1:8725"
NODES_VARIABLE = f"{ENV_PREFIX}NODES"
Running = Annotated[
    str | None,
    Parameter(
        show_default=False,
        help=f"URL of the running sandbox's first node. [default: the first of {NODES_VARIABLE} where it is http, "
        f"else {DEFAULT_SANDBOX}]",
    ),
]
TIMEOUT = 20.0


class SandboxRefused(SmsTrafficError):
    """The sandbox said no; its own words say why."""


@contextlib.asynccontextmanager
async def sandbox_at(url: str | None) -> AsyncGenerator[Control]:
    """The control API of the sandbox at a URL, which is node 1's; ``None`` takes the one that the environment leads to.

    Raises:
        ConfigurationError: it is no URL of this machine.
    """
    import httpx

    (node,) = parse_nodes([url or _from_env()])
    if not node.url.startswith("http:"):
        raise ConfigurationError("a sandbox is reached by http on this machine; this is the URL of something else")
    # Nothing that speaks TLS: plain http needs no certificates, and reading the system's takes longer than the call.
    transport = httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)
    async with httpx.AsyncClient(
        base_url=f"{node.url}/_sandbox/", transport=transport, trust_env=False, timeout=TIMEOUT
    ) as client:
        yield Control(client, node.url)


def _from_env() -> str:
    """Where the variables that a sandbox prints lead; nodes of the real platform are https, and are left alone."""
    first = os.environ.get(NODES_VARIABLE, "").partition(",")[0].strip()
    return first if first.startswith("http:") else DEFAULT_SANDBOX


class Control:
    """The calls of it that the command line makes."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def call(self, method: str, path: str, body: Any = None, *, patience: float = 0.0) -> dict[str, Any]:
        """One call of the control API.

        Args:
            method: of HTTP.
            path: below ``/_sandbox/``.
            body: as JSON.
            patience: seconds that the sandbox may hold the call.

        Raises:
            ConfigurationError: nobody answers there, or not a sandbox.
            SandboxRefused: the sandbox says no.
        """
        import httpx

        try:
            answer = await self._client.request(method, path, json=body, timeout=TIMEOUT + patience)
            value: Any = answer.json()
        except httpx.HTTPError:
            raise ConfigurationError(
                f"no sandbox answers at {self._url}: start one with 'sms-traffic sandbox', or name it with --node"
            ) from None
        except ValueError:
            raise ConfigurationError(f"what answers at {self._url} is no sandbox") from None
        if not isinstance(value, dict):
            raise ConfigurationError(f"what answers at {self._url} is no sandbox")
        found = cast("dict[str, Any]", value)
        if answer.is_error:
            raise SandboxRefused(f"the sandbox says: {found.get('error', answer.status_code)}")
        return found

    async def wait(self, query: str, seconds: float) -> dict[str, Any]:
        """The long poll for a message."""
        return await self.call("GET", "messages/wait?" + urlencode({"q": query, "timeout": seconds}), patience=seconds)

    async def push_settings(self) -> dict[str, Any]:
        """Where the account that works out of the box has its pushes sent to."""
        return await self.call("GET", f"accounts/{await self._login()}/pushes")

    async def push_to(self, *, statuses: str | None = None, inbound: str | None = None) -> None:
        """Have them sent elsewhere; ``None`` leaves it."""
        changes: dict[str, Any] = {}
        if statuses is not None:
            changes["statuses"] = {"url": statuses}
        if inbound is not None:
            changes["inbound"] = {"url": inbound}
        await self.call("PATCH", f"accounts/{await self._login()}/pushes", changes)

    async def _login(self) -> str:
        return str((await self.call("GET", "accounts"))["accounts"][0]["login"])
