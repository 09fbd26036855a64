"""Makes the calls of pushes over HTTP."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, NamedTuple

from sms_traffic_async.sandbox.pushes_wire import HttpPush

__all__ = ("Answered", "PushClient")

MOST_ANSWER = 65_536


class Answered(NamedTuple):
    """What a server said: a status and the beginning of a body; or nothing, and why."""

    status: int | None
    error: str = ""
    body: bytes = b""
    content_type: str = ""


class PushClient:
    """httpx with the sandbox's manners: no redirects, no cookies, no proxies of the environment, bounded answers.

    Certificates of customers' servers are not verified: it is a developer's machine that is called.
    """

    def __init__(self) -> None:
        self._transport: Any = None

    async def call(self, push: HttpPush, *, seconds: float, drop_answer: bool = False) -> Answered:
        """One request.

        Args:
            push: what to send.
            seconds: for all of it, of the loop's own time.
            drop_answer: end the connection when the answer begins, and know nothing of it.

        Cancellation: the connection is closed.
        """
        import httpx

        if self._transport is None:
            self._transport = httpx.AsyncHTTPTransport(verify=_trusting(), trust_env=False, retries=0)
        try:
            request = httpx.Request(push.method, push.url, headers=push.headers, content=push.body or None)
            async with asyncio.timeout(seconds):
                response = await self._transport.handle_async_request(request)
                try:
                    if drop_answer:
                        return Answered(None, "the answer was dropped by a fault rule")
                    body = await _beginning(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            return Answered(None, f"no whole answer within {seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answered(None, type(error).__name__)
        return Answered(response.status_code, "", body, response.headers.get("content-type", "")[:200])

    async def aclose(self) -> None:
        """Close its connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None


async def _beginning(response: Any) -> bytes:
    found = bytearray()
    async for piece in response.aiter_raw():
        found += piece
        if len(found) >= MOST_ANSWER:
            break
    return bytes(found[:MOST_ANSWER])


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
