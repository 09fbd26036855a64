"""Options of the webhook receiver, checked when they are made."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.pushes import CharsetOption
from sms_traffic_async.secrets import Secret

__all__ = ("UNIX", "Network", "WebhookOptions")

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"
"""Among ``proxies``: a peer without an address, which is one on a Unix socket."""

_KIB = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """What is let in, how much of it, and how it is answered.

    Attributes:
        networks: where pushes may come from, such as ``("192.0.2.0/24",)`` (ask
            the platform's support); empty for everywhere.
        proxies: your own proxies. Only what these say in ``X-Forwarded-For`` is
            believed; ``"unix"`` is one on a Unix socket.
        short_number_password: the ``password`` that calls for a short number carry.
        charset: what the cabinet is set to. ``auto`` reads UTF-8 where it is
            UTF-8, else windows-1251; a reply is written in the message's own
            charset, and in windows-1251 where the message is plain ASCII.
        inbound_reply: the body of the answer to an inbound message.
        status_reply: the answer to a status push; the document takes either.
        max_body_bytes: a longer body is answered 413.
        max_items: statuses read of one push; more are set aside.
        max_requests: pushes under way at once; one more is answered 503.
        body_timeout: seconds for the body to arrive; else 408.
        handler_timeout: seconds a handler may take for one call; longer is a failure.
        handler_attempts: calls on which a handler may fail over one item, while it takes others, before the item is
            set aside.
        handler_patience: seconds after which an item is set aside although the handler took nothing else either.
        ordered: drop repeated statuses and those that go backwards. A session
            that tracks messages does it itself.
        remembered: message ids whose status is remembered for that.
        remembered_replies: inbound messages whose reply is remembered.

    Raises:
        ConfigurationError: a bad value.
    """

    networks: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    short_number_password: Secret | str | None = field(default=None, repr=False)
    charset: CharsetOption = "auto"
    inbound_reply: str = ""
    status_reply: Literal[200, 204] = 200
    max_body_bytes: int = 256 * _KIB
    max_items: int = 1_000
    max_requests: int = 100
    body_timeout: float = 10.0
    handler_timeout: float = 10.0
    handler_attempts: int = 5
    handler_patience: float = 3_600.0
    ordered: bool = True
    remembered: int = 50_000
    remembered_replies: int = 10_000

    def __post_init__(self) -> None:
        if isinstance(self.short_number_password, str):
            object.__setattr__(self, "short_number_password", Secret(self.short_number_password))
        problem = self._problem()
        if problem:
            raise ConfigurationError(f"WebhookOptions.{problem}")

    def _problem(self) -> str:
        for name in ("networks", "proxies"):
            value: object = getattr(self, name)
            # A lone string would be read letter by letter.
            if not isinstance(value, tuple):
                return f'{name} is a tuple, such as ("192.0.2.0/24",)'
        if self.short_number_password is not None and not self.short_number_password:
            return "short_number_password is empty"
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                return f"{name} is {' or '.join(map(repr, known))}"
        for name in _COUNTS:
            number: object = getattr(self, name)
            if type(number) is not int or number < 1:
                return f"{name} is a whole number from 1"
        for name in ("body_timeout", "handler_timeout", "handler_patience"):
            seconds: object = getattr(self, name)
            if type(seconds) not in {int, float} or not 0 < float(getattr(self, name)) < math.inf:
                return f"{name} is seconds, more than 0"
        return self._network_problem()

    def _network_problem(self) -> str:
        try:
            _ = self.allowed, self.trusted
        except ValueError:
            return 'networks and proxies hold addresses or networks, such as "192.0.2.0/24"'
        return ""

    @property
    def allowed(self) -> tuple[Network, ...]:
        """``networks``, parsed."""
        return tuple(ipaddress.ip_network(text) for text in self.networks)

    @property
    def trusted(self) -> tuple[Network, ...]:
        """``proxies``, parsed, without ``"unix"``."""
        return tuple(ipaddress.ip_network(text) for text in self.proxies if text != UNIX)


_COUNTS = (
    "max_body_bytes",
    "max_items",
    "max_requests",
    "handler_attempts",
    "remembered",
    "remembered_replies",
)
_CHOICES: dict[str, tuple[object, ...]] = {
    "charset": ("auto", "windows-1251", "utf-8"),
    "status_reply": (200, 204),
    "ordered": (True, False),
}
