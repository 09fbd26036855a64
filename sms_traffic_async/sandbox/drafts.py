"""What a protocol's room hands to the platform: a request, and the messages that it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.outcomes import NumberOutcome
from sms_traffic_async.sandbox.rules import AirEncoding, AirText, ReferenceBytes

__all__ = ("MOST_PARTS", "Arrival", "Draft", "Prepared")

MOST_PARTS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The request that messages come with.

    Attributes:
        protocol: ``v2`` and so on.
        node: 1 or 2.
        principal: whose request it is.
        request_id: its name in logs.
        ip: where it came from.
        restrictive_id: of v2.
        ids_per_part: whether every part gets an id of its own (v1, SOAP, SMPP).
    """

    protocol: str
    node: int
    principal: Principal
    request_id: str
    ip: str = ""
    restrictive_id: str | None = None
    ids_per_part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Draft:
    """One message as a request asks for it, templates filled.

    Attributes:
        start_at: sandbox seconds since the epoch; ``None`` for at once.
        any_number: take the number whatever it looks like (v1 ignore_phone_format).
        encoding, reference_bytes: as v1 (rus, two_byte_concat) and SOAP ask for.
        air: the text as it is already encoded (SMPP); ``None`` lets the platform do it.
    """

    to: str
    text: str
    originator: str | None = None
    tracking_data: str | None = None
    transliterate: bool = False
    max_parts: int = MOST_PARTS
    start_at: float | None = None
    batch_name: str = ""
    validity: float | None = None
    flash: bool = False
    any_number: bool = False
    encoding: AirEncoding = "auto"
    reference_bytes: ReferenceBytes = 1
    air: AirText | None = None


class Prepared(NamedTuple):
    """A draft that nothing speaks against."""

    draft: Draft
    number: str
    originator: str
    air: AirText
    outcome: NumberOutcome
    cost: Decimal
