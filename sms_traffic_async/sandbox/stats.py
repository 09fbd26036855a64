"""A platform at one moment. Values only."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("SandboxStats",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxStats:
    """A platform at one moment, since its last reset.

    Attributes:
        messages: sent and inbound.
        accepted: messages that were really accepted.
        findings: things that requests had wrong.
        faults: rules in use.
    """

    messages: int
    accepted: int
    findings: int
    faults: int
