"""Network faults for every port of every protocol, byte by byte.

Platform faults (an error code, a late answer) are the sandbox's business; this
is the line between: ``FaultProxy`` and the faults it can inject.
"""

from __future__ import annotations

from sms_traffic_async.sandbox.network.faults import (
    Blackhole,
    ConnectionFault,
    Cut,
    Direction,
    Drip,
    Fault,
    Garbage,
    HalfClose,
    Latency,
    PortFault,
    Refuse,
    Replace,
    Reset,
    Unreachable,
)
from sms_traffic_async.sandbox.network.link import Connection
from sms_traffic_async.sandbox.network.proxy import FaultProxy
from sms_traffic_async.sandbox.network.rules import Injection, Rule, Rules

__all__ = (
    "Blackhole",
    "Connection",
    "ConnectionFault",
    "Cut",
    "Direction",
    "Drip",
    "Fault",
    "FaultProxy",
    "Garbage",
    "HalfClose",
    "Injection",
    "Latency",
    "PortFault",
    "Refuse",
    "Replace",
    "Reset",
    "Rule",
    "Rules",
    "Unreachable",
)
