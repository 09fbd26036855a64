"""Where letters go: the relay, or the mail servers of the platform by their MX records."""

from __future__ import annotations

from typing import Any

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.smtp.wire import CORP, MULTI
from sms_traffic_async.settings import RetryPolicy
from sms_traffic_async.settings_mail import SmtpOptions

__all__ = ("NoServers", "Servers")

KEEP_SECONDS = 300.0
MOST_SERVERS = 10


class NoServers(Exception):
    """The MX records could not be had, or there are none. Its text is the kind of the error."""


class Servers:
    """The servers in order of preference, with their health.

    Args:
        options: relay or MX.
        policy: for budgets.
        clock: for their health and the age of MX records.
    """

    def __init__(self, options: SmtpOptions, *, policy: RetryPolicy, clock: Clock) -> None:
        self._options = options
        self._policy = policy
        self._clock = clock
        self._known: NodeSet | None = None
        self._until = 0.0
        self._names: tuple[str, ...] = ()
        if options.host is not None:
            self._names = (options.host,)
            self._known = self._set()
            self._until = float("inf")

    async def nodes(self, seconds: float) -> NodeSet:
        """The servers.

        Args:
            seconds: for the look-up.

        Raises:
            NoServers: the look-up failed.
            ConfigurationError: the extra ``mx`` is missing.

        Cancellation: harmless.
        """
        now = self._clock.monotonic()
        if self._known is None or now >= self._until:
            names = await _exchanges(self._options, seconds)
            if names != self._names or self._known is None:
                self._names = names
                self._known = self._set()
            self._until = now + KEEP_SECONDS
        return self._known

    def _set(self) -> NodeSet:
        return NodeSet(self._names, policy=self._policy, clock=self._clock)


async def _exchanges(options: SmtpOptions, seconds: float) -> tuple[str, ...]:
    asyncresolver, failures = _dnspython()
    resolver = asyncresolver.Resolver(configure=not options.nameservers)
    if options.nameservers:
        resolver.nameservers = list(options.nameservers)
        resolver.port = options.nameserver_port
    problem = ""
    try:
        answer = await resolver.resolve(CORP if options.variant == 1 else MULTI, "MX", lifetime=max(seconds, 0.001))
    except (failures.DNSException, OSError) as error:
        problem = type(error).__name__
    else:
        rows = sorted((int(row.preference), str(row.exchange).rstrip(".")) for row in answer)
        # "." says that the domain takes no mail (RFC 7505).
        names = tuple(dict.fromkeys(name for _, name in rows if name))[:MOST_SERVERS]
        if names:
            return names
        problem = "no MX record"
    raise NoServers(problem)


def _dnspython() -> tuple[Any, Any]:
    try:
        from dns import asyncresolver, exception
    except ImportError:
        raise ConfigurationError("mx=True needs the extra: pip install 'sms-traffic-async[mx]'") from None
    return asyncresolver, exception
