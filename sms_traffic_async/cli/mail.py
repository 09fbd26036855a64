"""Where ``--via smtp`` leaves its letters."""

from __future__ import annotations

import os
import re
from typing import Any, Literal
from urllib.parse import urlsplit

from sms_traffic_async.credentials import ENV_PREFIX, Environment
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.settings_mail import SmtpOptions

__all__ = ("RELAY_VARIABLE", "RULE", "SENDER_VARIABLE", "options")

RELAY_VARIABLE = f"{ENV_PREFIX}SMTP_RELAY"
SENDER_VARIABLE = f"{ENV_PREFIX}SMTP_SENDER"

RULE = "smtp://host:port for STARTTLS, smtps://host:port for TLS from the start"
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")


def options(*, relay: str | None, sender: str | None, variant: Literal[1, 2]) -> SmtpOptions:
    """How letters leave, as the environment and these options say.

    Raises:
        ConfigurationError: something is missing, or cannot be used.
    """
    env = Environment(os.environ)
    where = _relay(relay or env.plain("SMTP_RELAY"))
    del relay  # a traceback printed with locals shows this frame
    if isinstance(where, str):
        raise ConfigurationError(f"{RELAY_VARIABLE} or --smtp-relay: {where}")
    sender = sender or env.plain("SMTP_SENDER")
    if not sender:
        raise ConfigurationError(f"--via smtp needs a From address: set {SENDER_VARIABLE} or give --smtp-sender")
    login = env.secret("SMTP_LOGIN")
    return SmtpOptions(
        sender=sender,
        login=None if login is None else login.reveal(),
        password=env.secret("SMTP_PASSWORD"),
        variant=variant,
        **where,
    )


def _relay(url: str) -> dict[str, Any] | str:
    """Where letters go to; or what is wrong, and nothing of the URL: any part of it may be a password.

    As with nodes, no TLS is for this machine alone.
    """
    if not url:
        return f"--via smtp needs your mail server, {RULE}"
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"the host or the port cannot be read; it is {RULE}"
    if parts.scheme not in {"smtp", "smtps"} or not host or parts.path.strip("/") or parts.query or parts.fragment:
        return f"it is {RULE}"
    if "@" in parts.netloc:
        return f"it holds no login: set {ENV_PREFIX}SMTP_LOGIN and {ENV_PREFIX}SMTP_PASSWORD (or …_FILE)"
    if parts.scheme == "smtps":
        return {"host": host, "port": port, "tls": "implicit"}
    if _LOOPBACK.fullmatch(host):
        return {"host": host, "port": port, "tls": "none", "allow_passwords_without_tls": True}
    return {"host": host, "port": port, "tls": "starttls"}
