"""One thing that ``sms-traffic doctor`` looked at."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from sms_traffic_async.cli.output import Exit, exit_code
from sms_traffic_async.errors import SmsTrafficError, TlsError

__all__ = ("Check", "Verdict", "failed", "timed")

Verdict: TypeAlias = Literal["ok", "warn", "fail", "skip"]

NETWORK = "check the network, a firewall between, and the address (SMS_TRAFFIC_NODES or --node)"
CLOCK = "if this machine's clock is right, the platform's support has to renew it"
AUTHORITY = "if something between opens TLS, name its authority in SSL_CERT_FILE; never switch verification off"
NAME = "it is another host's: check the address (SMS_TRAFFIC_NODES or --node) and the name servers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked at, and what was found.

    Attributes:
        name: of the check.
        target: what it was done to.
        verdict: ``warn`` and ``skip`` let the command end with 0.
        said: what was found.
        fix: what to do.
        code: the exit code for a failure.
        seconds: it took.
        facts: for ``--json``.
    """

    name: str
    target: str
    verdict: Verdict
    said: str
    fix: str = ""
    code: Exit = Exit.FAILURE
    seconds: float | None = None
    facts: dict[str, Any] | None = None

    def record(self) -> dict[str, Any]:
        """For printing."""
        return {
            "check": self.name,
            "target": self.target,
            "result": self.verdict,
            "message": self.said,
            "fix": self.fix or None,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "facts": self.facts or {},
        }


async def timed(name: str, target: str, limit: float, look: Callable[[], Awaitable[Check]]) -> Check:
    """Do a check within so many seconds; what it raises is a failure.

    Cancellation: the check is cancelled.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(limit):
            found = await look()
    except TimeoutError:
        found = Check(name=name, target=target, verdict="fail", said=f"no answer within {limit:g} s", fix=NETWORK)
    except (SmsTrafficError, OSError, UnicodeError) as error:
        found = failed(name, target, error)
    return replace(found, seconds=time.monotonic() - began)


def failed(name: str, target: str, error: BaseException) -> Check:
    """An error as a failed check."""
    said, fix, code = str(error), "", Exit.FAILURE
    if isinstance(error, ssl.SSLCertVerificationError):
        said = f"the certificate is refused: {error.verify_message}"
        fix = _certificate_fix(error.verify_message)
    elif isinstance(error, TlsError):
        fix = AUTHORITY
    elif isinstance(error, SmsTrafficError):
        code = exit_code(error)
        if code is Exit.CONFIGURATION:
            fix = "check the credentials; what they may do is a matter for the platform's support"
    elif isinstance(error, ssl.SSLError):
        said, fix = f"TLS fails: {error.reason or type(error).__name__}", "check that TLS is spoken at this port"
    elif isinstance(error, socket.gaierror):
        said, fix = "the name is not known", "check the name, and the name servers of this machine"
    elif isinstance(error, ConnectionRefusedError):
        said, fix = "the port is closed", NETWORK
    else:
        said, fix = f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'the connection failed'}", NETWORK
    return Check(name=name, target=target, verdict="fail", said=said, fix=fix, code=code)


def _certificate_fix(message: str) -> str:
    if "expired" in message or "not yet valid" in message:
        return CLOCK
    return NAME if "mismatch" in message or "not valid for" in message else AUTHORITY
