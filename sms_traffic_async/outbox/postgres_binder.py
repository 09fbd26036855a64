"""The SMPP side of many workers: whoever is elected binds, and another takes over when it dies.

A worker that holds a seat has a session of its own there, bound as transceiver;
one that holds none sends nothing by SMPP, and its messages wait in the outbox
for those that do. So one account has one transceiver a server, wherever it runs.
The outbox itself remembers what was sent, so these sessions have no tracking store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_election import Election, Seat
from sms_traffic_async.outbox.store import Use
from sms_traffic_async.secrets import Secret
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Settings
from sms_traffic_async.telemetry import Hook

if TYPE_CHECKING:
    from sms_traffic_async.policy.abuse import AbuseGuard

__all__ = ("elected_sessions", "seats_of")


def seats_of(settings: Settings) -> list[Seat]:
    """Every seat of an account: one a server.

    Raises:
        ConfigurationError: no SMPP options, or nobody to bind as.
    """
    if settings.smpp is None:
        raise ConfigurationError("SMPP needs options: smpp=SmppOptions()")
    system_id = settings.smpp.system_id or settings.credentials.login
    if not system_id:
        raise ConfigurationError("SMPP needs a login, or SmppOptions(system_id=...)")
    return [Seat(server=server, system_id=system_id) for server in settings.smpp.servers]


def elected_sessions(
    dsn: str | Secret,
    settings: Settings,
    use: Use,
    *,
    guard: AbuseGuard | None = None,
    hooks: Sequence[Hook] = (),
    clock: Clock = SYSTEM_CLOCK,
) -> Election:
    """An election whose winner has a session bound as transceiver; ``await`` its ``run()``.

    Args:
        dsn: of the database that all workers share.
        settings: of the sessions; their ``bind`` and ``connect`` are decided here.
        use: is given the session; cancelled when the seat is lost. The session is unbound and closed after it.
        guard: of the sessions.
        hooks: of the sessions.
        clock: time and chance.

    Raises:
        ConfigurationError: as ``seats_of``.
    """

    async def serve(seat: Seat) -> None:
        options = settings.smpp
        if options is None:
            raise ConfigurationError("SMPP needs options: smpp=SmppOptions()")
        bound = replace(options, servers=(seat.server,), bind="transceiver", transmitters=0, connect="on_enter")
        changed = settings.with_changes(smpp=bound, tracking=replace(settings.tracking, store=None))
        async with SmsTraffic.from_settings(changed, guard=guard, hooks=hooks, clock=clock) as session:
            await use(session)

    secret = Secret(dsn)
    del dsn  # a traceback printed with locals shows this frame
    return Election(secret, seats_of(settings), serve, clock=clock)
