"""What every foreign client is told to do: bind, send long texts as fast as it may, take the receipts, unbind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ("THROTTLED", "Done", "Job", "Part", "job_of")

THROTTLED = 0x58
PART = 134
"""Octets of UCS-2 beside a UDH of six."""


class Part(NamedTuple):
    to: str
    short_message: bytes


@dataclass(kw_only=True)
class Job:
    host: str
    port: int
    parts: list[Part]
    system_id: str = "sandbox"
    password: str = "sandbox"
    originator: str = "SMSTraffic"


@dataclass(kw_only=True)
class Done:
    """What the client saw: ids of its messages, ids in receipts with their state, refusals for speed."""

    ids: list[str] = field(default_factory=list)
    receipts: dict[str, int] = field(default_factory=dict)
    throttled: int = 0


def job_of(host: str, port: int, texts: dict[str, str]) -> Job:
    """Texts by their recipient, as parts of UCS-2 with a UDH."""
    parts: list[Part] = []
    for reference, (to, text) in enumerate(texts.items()):
        octets = text.encode("utf-16-be")
        bodies = [octets[at : at + PART] for at in range(0, len(octets), PART)]
        for number, body in enumerate(bodies, 1):
            parts.append(Part(to, bytes((5, 0, 3, reference & 0xFF, len(bodies), number)) + body))
    return Job(host=host, port=port, parts=parts)
