"""Inbound messages as letters (document, "Пересылка входящих сообщений на email", which gives no form)."""

from __future__ import annotations

import asyncio
import re
import smtplib
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.sandbox.pushes_settings import InboundSettings
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("SENDER", "Letter", "inbound_letter", "post")

SENDER = "inbox@smsmail.ru"
_PLACE = re.compile(r"\{(phone|recipient|message|sms_id|date)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter on its way to a customer. It holds a number and a text."""

    to: str = field(repr=False)
    server: tuple[str, int]
    body: bytes = field(repr=False)


def inbound_letter(message: StoredMessage, settings: InboundSettings, server: tuple[str, int]) -> Letter:
    """The letter that an account's template makes of a message."""
    moment = datetime.fromtimestamp(message.submitted_at, MOSCOW)
    values = {
        "phone": message.to,
        "recipient": message.originator,
        "message": message.text,
        "sms_id": message.id,
        "date": f"{moment:%Y-%m-%d %H:%M:%S}",
    }
    letter = EmailMessage(policy=SMTP)
    letter["From"] = SENDER
    letter["To"] = settings.email
    # A line break in a text must not begin a header of its own.
    letter["Subject"] = " ".join(_filled(settings.email_subject, values).split())
    letter["Date"] = formatdate(message.submitted_at, usegmt=True)
    letter["Message-ID"] = f"<{message.id}@smsmail.ru>"
    letter.set_content(_filled(settings.email_text, values))
    return Letter(to=settings.email, server=server, body=letter.as_bytes())


def _filled(template: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda found: values[found[1]], template)


async def post(letter: Letter, seconds: float) -> str:
    """Hand a letter over to its server, in a thread; why it was not taken, in a few words, empty where it was.

    Cancellation: the thread ends within ``seconds`` by itself; the letter may have been handed over.
    """
    return await asyncio.to_thread(_post, letter, seconds)


def _post(letter: Letter, seconds: float) -> str:
    host, port = letter.server
    try:
        with smtplib.SMTP(host, port, timeout=seconds) as client:
            client.sendmail(SENDER, [letter.to], letter.body)
    except smtplib.SMTPRecipientsRefused as error:
        return f"the mail server answered {next(iter(error.recipients.values()))[0]} to the recipient"
    except smtplib.SMTPResponseException as error:
        return f"the mail server answered {error.smtp_code}"
    except (smtplib.SMTPException, OSError) as error:
        return type(error).__name__
    return ""
