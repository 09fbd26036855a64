"""What every HTTP client of a session is given beside its settings."""

from __future__ import annotations

from typing import TypedDict

from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Shared",)


class Shared(TypedDict):
    """By name, as ``HttpCalls`` takes them.

    Attributes:
        pool: the connections.
        nodes: health and budget.
        pauses: what the platform closed for a while.
        clock: time, sleeping and chance.
        telemetry: counters and hooks.
    """

    pool: HttpPool
    nodes: NodeSet
    pauses: Pauses
    clock: Clock
    telemetry: Telemetry
