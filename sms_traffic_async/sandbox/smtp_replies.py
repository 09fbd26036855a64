"""The letters that the sandbox writes: kept for tests and the page, and sent on where a relay was named."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.telemetry import get_logger

__all__ = ("Replies", "ReplyLetter")

KEEP = 1_000
MOST_ON_THE_WAY = 100
SENDER = "multi@smtp2.smsmail.ru"
RELAY_TIMEOUT = 10.0
_log = get_logger("sandbox")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReplyLetter:
    """One answer by e-mail.

    Attributes:
        to: the address it goes to: the sender of the letter it answers.
        text: the XML of v1.
        content: the whole letter, as it goes over the wire.
        at: sandbox time, seconds since the epoch.
        request_id: of the letter it answers, as in the accept log.
    """

    to: str
    text: str
    content: bytes
    at: float
    request_id: str

    def __repr__(self) -> str:
        return f"ReplyLetter(request_id={self.request_id!r}, {len(self.content)} bytes)"


class Replies:
    """The newest answers, oldest first.

    Args:
        clock: for their dates.
        relay: host and port of an SMTP server that takes them; ``None`` keeps them only.
    """

    def __init__(self, clock: SandboxClock, relay: tuple[str, int] | None = None) -> None:
        self._clock = clock
        self._relay = relay
        self._kept: deque[ReplyLetter] = deque(maxlen=KEEP)
        self._sending: set[asyncio.Task[None]] = set()
        self.failed: int = 0
        """How many the relay did not take."""

    def write(self, to: str, text: str, *, in_reply_to: str, request_id: str) -> ReplyLetter:
        """Write one, and begin to send it where there is a relay."""
        now = self._clock.now()
        message = EmailMessage(policy=SMTP)
        message["From"] = SENDER
        message["To"] = to
        message["Subject"] = "Re: SMS"
        message["Date"] = formatdate(now, usegmt=True)
        if in_reply_to:
            message["In-Reply-To"] = in_reply_to
        message.set_content(text)
        letter = ReplyLetter(to=to, text=text, content=message.as_bytes(), at=now, request_id=request_id)
        self._kept.append(letter)
        if self._relay is not None and len(self._sending) < MOST_ON_THE_WAY:
            task = asyncio.get_running_loop().create_task(self._send(letter, self._relay), name="sandbox-reply-letter")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return letter

    async def sent(self) -> None:
        """Wait until everything on the way has arrived or failed."""
        if self._sending:
            await asyncio.wait(tuple(self._sending))

    async def aclose(self) -> None:
        """End what is still on the way."""
        tasks = tuple(self._sending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clear(self) -> None:
        """Forget those that are kept."""
        self._kept.clear()
        self.failed = 0

    def __iter__(self) -> Iterator[ReplyLetter]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    async def _send(self, letter: ReplyLetter, relay: tuple[str, int]) -> None:
        import aiosmtplib

        host, port = relay
        try:
            await aiosmtplib.send(
                letter.content,
                sender=SENDER,
                recipients=[letter.to],
                hostname=host,
                port=port,
                start_tls=False,
                timeout=RELAY_TIMEOUT,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            self.failed += 1
            _log.warning("the relay did not take a reply letter (%s)", type(error).__name__)
