"""What ``sms-traffic doctor`` asks of a host: its name, its port, its certificate, its time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from sms_traffic_async.cli.doctor_check import Check
from sms_traffic_async.errors import RequestFailed

__all__ = ("address", "connection", "fetch", "names", "skew")

SOON_DAYS = 14
DAY = 86_400
SKEW_SECONDS = 5.0
ANSWER_BYTES = 1_000_000


async def names(host: str, port: int) -> Check:
    """Look its addresses up."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
    return Check(name="name", target=host, verdict="ok", said=", ".join(addresses), facts={"addresses": addresses})


async def connection(target: str, host: str, port: int, tls: ssl.SSLContext | None) -> Check:
    """Connect to it, and look at its certificate."""
    _, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=host if tls else None)
    try:
        if tls is None:
            return Check(
                name="connection", target=target, verdict="ok", said="connected, without TLS", facts={"tls": None}
            )
        version = writer.get_extra_info("ssl_object").version()
        return _certificate(target, version, cast("Mapping[str, Any]", writer.get_extra_info("peercert")))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _certificate(target: str, version: str, found: Mapping[str, Any]) -> Check:
    subject = ", ".join(f"{name}={value}" for part in found.get("subject", ()) for name, value in part)
    others = ", ".join(value for _, value in found.get("subjectAltName", ()))
    days = int((ssl.cert_time_to_seconds(found["notAfter"]) - time.time()) // DAY)
    said = f"{version}, certificate of {subject or others}, valid for {days} days"
    facts = {"tls": version, "subject": subject, "names": others, "days": days}
    if days < SOON_DAYS:
        fix = "tell the platform's support before it expires"
        return Check(name="connection", target=target, verdict="warn", said=said, fix=fix, facts=facts)
    return Check(name="connection", target=target, verdict="ok", said=said, facts=facts)


async def fetch(url: str, tls: ssl.SSLContext | None) -> tuple[int, Mapping[str, str], bytes]:
    """GET, without credentials, proxies and redirects; status, headers, and not more than a megabyte.

    Raises:
        RequestFailed: no answer, or one that is longer.
    """
    failure = ""
    try:
        async with (
            httpx.AsyncClient(verify=tls or False, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url, timeout=None) as answer,
        ):
            content = b""
            async for piece in answer.aiter_bytes():
                content += piece
                if len(content) > ANSWER_BYTES:
                    raise RequestFailed(f"the answer is longer than {ANSWER_BYTES:,} bytes", operation="GET")
            return answer.status_code, answer.headers, content
    except httpx.HTTPError as error:
        failure = type(error).__name__
    raise RequestFailed(f"no answer over HTTP: {failure}", operation="GET")


async def skew(target: str, url: str, tls: ssl.SSLContext | None) -> Check:
    """Compare the clocks."""
    began = time.time()
    status, headers, _ = await fetch(url, tls)
    ended = time.time()
    date = headers.get("date", "")
    theirs: datetime | None = None
    with contextlib.suppress(ValueError):
        theirs = parsedate_to_datetime(date)
    if theirs is None:
        said = f"HTTP answers ({status}), and gives no time"
        return Check(name="clock", target=target, verdict="skip", said=said)
    # Cut to whole seconds by them; anywhere between the question and the answer.
    ahead = max(began - (theirs.timestamp() + 1), 0.0) or min(ended - theirs.timestamp(), 0.0)
    facts = {"status": status, "ahead_seconds": round(ahead, 1)}
    if abs(ahead) > SKEW_SECONDS:
        said = f"this machine's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        fix = "set it (NTP): scheduled messages, reports and webhooks go by it"
        return Check(name="clock", target=target, verdict="warn", said=said, fix=fix, facts=facts)
    return Check(name="clock", target=target, verdict="ok", said=f"HTTP answers ({status}), clocks agree", facts=facts)


def address(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is spoken."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if tls else 80), tls
