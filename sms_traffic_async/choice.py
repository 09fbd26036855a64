"""Which protocol carries a message, and which may follow if it cannot.

Rules
-----
1. ``via=`` decides. Without it: v2 where there is an API key, else SMPP where
   it is configured, else v1.
2. A protocol is never changed because of what a message asks for. What the
   chosen one cannot carry is refused before any I/O, with the protocols that can.
3. ``fallback=`` names others that may follow, in order. Each has to be
   configured, and able to carry the message: that too is refused beforehand, and
   not found out in the moment in which it is needed.
4. Another protocol follows only while every attempt so far provably left nothing
   behind (N1): no node could be reached, or the platform could not take it now.
   A certificate that is not the platform's is no reason, and no limit is
   walked around: not the platform's, and none of the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast, get_args

from sms_traffic_async.capabilities import NAMES, uncarried
from sms_traffic_async.errors import ConfigurationError, NotSent, SendError, TemporarilyUnavailable, TlsError
from sms_traffic_async.messages import Message, Via
from sms_traffic_async.settings import Settings, SmppOptions

__all__ = ("bulk_concurrency", "choose", "configured", "may_follow")

MOST_CONCURRENCY: Final = 10_000
_KNOWN: Final = cast("tuple[Via, ...]", get_args(Via))
_NEEDS: Final = {
    "v2": "api_key= (SMS_TRAFFIC_API_KEY)",
    "v1": "login= and password= (SMS_TRAFFIC_LOGIN, …_PASSWORD)",
    "soap": "login= and password= (SMS_TRAFFIC_LOGIN, …_PASSWORD)",
    "smpp": "smpp=SmppOptions(...), and a login",
    "smtp": "smtp=SmtpOptions(...), and a login",
}


def configured(settings: Settings) -> tuple[Via, ...]:
    """The protocols that these settings open, in the order in which one is chosen."""
    credentials = settings.credentials
    found: list[Via] = []
    if credentials.api_key is not None:
        found.append("v2")
    if settings.smpp is not None:
        found.append("smpp")
    if credentials.login is not None:
        found += ("v1", "soap")
        if settings.smtp is not None:
            found.append("smtp")
    return tuple(found)


def choose(
    settings: Settings, message: Message, via: Via | None = None, fallback: Sequence[Via] = ()
) -> tuple[Via, ...]:
    """The protocols to try, in order; the first alone unless ``fallback`` names others.

    Args:
        settings: what is configured.
        message: what is to be sent.
        via: the protocol to use.
        fallback: those that may follow (rule N1).

    Raises:
        InvalidMessage: one of them cannot carry it; names the option, and who can.
        ConfigurationError: no such protocol, one that is not configured, or one named twice.
    """
    available = configured(settings)
    if via is None:
        if not available:
            raise ConfigurationError(f"no credentials: give {_NEEDS['v2']}, or {_NEEDS['v1']}")
        order: tuple[Via, ...] = (available[0],)
    else:
        order = (via,)
    if isinstance(cast("object", fallback), str):
        raise ConfigurationError('fallback is a sequence of protocols, such as ("v1",)')
    order += tuple(fallback)
    for number, one in enumerate(order):
        if one not in _KNOWN:
            raise ConfigurationError(f"{one!r} is no protocol; there are {', '.join(_KNOWN)}")
        if one not in available:
            raise ConfigurationError(f"{NAMES[one]} is not configured: it needs {_NEEDS[one]}")
        if one in order[:number]:
            raise ConfigurationError(f"{NAMES[one]} stands twice among the protocols to try")
        problem = uncarried(message, "smtp1" if one == "smtp" and _variant(settings) == 1 else one)
        if problem is not None:
            raise problem
    return order


def may_follow(error: SendError) -> bool:
    """Whether another protocol may carry a message after this (rule 4)."""
    if isinstance(error, TlsError):
        return False
    return isinstance(error, TemporarilyUnavailable) or (isinstance(error, NotSent) and error.reason == "unreachable")


def bulk_concurrency(settings: Settings, via: Via) -> int:
    """Messages under way at once where ``send_many`` is not told: enough to keep a protocol busy.

    Requests that carry a hundred messages each are only full when as many
    messages wait, and the next ones should be there when an answer comes.
    """
    http = settings.http
    wanted = 2 * http.in_flight
    if via in {"v2", "v1"} and http.batching:
        wanted *= http.batch
    elif via == "smpp":
        wanted = max(wanted, 2 * (settings.smpp or SmppOptions()).window)
    return min(wanted, MOST_CONCURRENCY)


def _variant(settings: Settings) -> int | None:
    return None if settings.smtp is None else settings.smtp.variant
