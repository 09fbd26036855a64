"""One letter over one connection, and how far it got.

Rules
-----
1. A connection carries one letter and is closed afterwards, whatever happens:
   no reply can be taken for the answer to another command.
2. Until the content is written nothing was handed over. From there on, without
   a complete answer, the letter may have been taken: how much of it left, and
   whether the final dot did, cannot be known.
3. 250 after the final dot: the letter was taken. 4xx at any step: not taken for
   now. 5xx at any step: not taken.
4. No error of the library below leaves here: their texts and frames hold
   addresses, passwords and the letter.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

import aiosmtplib

from sms_traffic_async.errors import TlsError
from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.protocols.http.attempt import without_frames
from sms_traffic_async.protocols.http.stage import safe_cause
from sms_traffic_async.protocols.smtp.models import Letter
from sms_traffic_async.protocols.smtp.wire import wire_bytes
from sms_traffic_async.settings import Timeouts
from sms_traffic_async.settings_mail import SmtpOptions

__all__ = ("LinkFailed", "LinkStage", "hand_over")

QUIT_SECONDS = 2.0
_ACCEPTED, _GO_ON = 250, 354
_TEMPORARY = range(400, 500)
_LEAST_REFUSAL, _MOST_REFUSAL = 400, 600


class LinkStage:
    """How far a letter got. Lives longer than the call, so that a cancelled one can be judged.

    Attributes:
        writing: the content is being written, or was.
        taken: the platform's or the relay's 250 came.
        step: what was being done, for errors.
    """

    __slots__ = ("step", "taken", "writing")

    def __init__(self) -> None:
        self.writing: bool = False
        self.taken: bool = False
        self.step: str = "connect"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFailed:
    """The letter was not, or not provably, taken.

    Attributes:
        verdict: what it means.
        step: where it ended: connect, starttls, login, mail, rcpt, data, content.
        status: the SMTP reply code, if one came.
        description: the server's words, which may quote an address.
        cause: without foreign objects.
    """

    verdict: Verdict
    step: str
    status: int | None = None
    description: str = ""
    cause: BaseException | None = None


async def hand_over(
    letter: Letter,
    *,
    host: str,
    options: SmtpOptions,
    context: ssl.SSLContext | None,
    timeouts: Timeouts,
    stage: LinkStage,
    seconds: float,
) -> LinkFailed | None:
    """Send one letter.

    Args:
        letter: the letter.
        host: the server.
        options: how it is spoken to.
        context: for TLS.
        timeouts: for connecting and for replies.
        stage: is told how far it got, at once.
        seconds: for all of it.

    Returns:
        ``None`` if it was taken.

    Cancellation: the connection is closed; ``stage`` tells what is known.
    """
    client = aiosmtplib.SMTP(
        hostname=host,
        port=options.real_port,
        # Without it the library asks the resolver for our own name.
        local_hostname=options.sender.rpartition("@")[2],
        timeout=timeouts.read,
        use_tls=options.tls == "implicit",
        start_tls=False,
        tls_context=context,
    )
    failure: BaseException | None = None
    cancelled: asyncio.CancelledError | None = None
    try:
        async with asyncio.timeout(seconds):
            await _exchange(client, letter, options, timeouts, stage)
    except asyncio.CancelledError as error:
        cancelled = without_frames(error)
    except Exception as error:  # noqa: BLE001 - whatever it is called: the stage tells what it means
        failure = error
    finally:
        client.close()
    if cancelled is not None:
        raise cancelled
    return None if stage.taken or failure is None else _judged(failure, stage)


async def _exchange(
    client: aiosmtplib.SMTP, letter: Letter, options: SmtpOptions, timeouts: Timeouts, stage: LinkStage
) -> None:
    await client.connect(timeout=timeouts.connect)
    if options.tls == "starttls":
        stage.step = "starttls"
        await client.starttls()
    if options.login is not None and options.password is not None:
        stage.step = "login"
        await client.login(options.login, options.password.reveal())
    stage.step = "mail"
    await _greet(client)
    await client.mail(options.sender, options=_mail_options(client, letter))
    stage.step = "rcpt"
    await client.rcpt(letter.to)
    stage.step = "data"
    go_on = await client.execute_command(b"DATA")
    protocol = client.protocol
    if go_on.code != _GO_ON or protocol is None:  # without one the connection is gone: unsent
        raise _Refused(go_on.code, go_on.message)
    stage.step, stage.writing = "content", True
    protocol.write(wire_bytes(letter.content))
    answer = await protocol.read_response(timeout=timeouts.read)
    if answer.code != _ACCEPTED:
        raise _Refused(answer.code, answer.message)
    stage.taken = True
    with suppress(Exception):  # the letter is taken, whatever becomes of QUIT
        await client.execute_command(b"QUIT", timeout=QUIT_SECONDS)


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Learn what the server can do; after STARTTLS that is to be asked again (RFC 3207, 4.2)."""
    if not client.is_ehlo_or_helo_needed:
        return
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


def _mail_options(client: aiosmtplib.SMTP, letter: Letter) -> list[str]:
    if letter.content.isascii() or not client.supports_extension("8bitmime"):
        return []
    return ["BODY=8BITMIME"]


class _Refused(Exception):
    """A reply that is a refusal."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__()
        self.code = code
        self.message = message


def _judged(error: BaseException, stage: LinkStage) -> LinkFailed:
    code = getattr(error, "code", None)
    status = code if isinstance(code, int) and _LEAST_REFUSAL <= code < _MOST_REFUSAL else None
    if status is not None:
        return LinkFailed(
            verdict=Verdict.REFUSED if status in _TEMPORARY else Verdict.PERMANENT,
            step=stage.step,
            status=status,
            description=str(getattr(error, "message", "")),
        )
    if stage.writing:
        return LinkFailed(verdict=Verdict.AMBIGUOUS, step=stage.step, cause=_cause(error))
    return LinkFailed(verdict=Verdict.UNSENT, step=stage.step, cause=_cause(error))


def _cause(error: BaseException) -> BaseException:
    """Its kind, and whether a certificate was not accepted; its words may quote an address or a reply."""
    found = safe_cause(error)
    if isinstance(found, TlsError):
        return found
    return type(found)(f"{type(error).__module__}.{type(error).__qualname__}")
