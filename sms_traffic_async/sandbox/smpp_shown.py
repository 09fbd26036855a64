"""A PDU for people: its fields, then its octets. Passwords are not shown."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

from sms_traffic_async.protocols.smpp.pdu import Bind, PduError, decode

__all__ = ("pdu_text",)

ROW = 16


def pdu_text(frame: bytes) -> str:
    """The fields of one PDU, a line each, and a hex dump; of octets that are none, the dump alone."""
    try:
        sequence, pdu = decode(frame)
    except PduError as error:
        return f"not a PDU: {error}\n\n{_dump(frame)}"
    lines = [f"{pdu.command.name.lower()}  sequence_number {sequence}"]
    for field in fields(cast("Any", pdu)):  # every PDU is a dataclass
        value: Any = getattr(pdu, field.name)
        if value not in ("", b"", ()):
            lines.append(f"{field.name} = {_shown(field.name, value)}")
    # The dump of a bind would show the password that the fields do not.
    return "\n".join(lines) + ("" if isinstance(pdu, Bind) else "\n\n" + _dump(frame))


def _shown(name: str, value: Any) -> str:
    if name == "password":
        return "********"
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, int) and not isinstance(value, bool):
        label = getattr(value, "name", None)
        return f"{int(value)} (0x{int(value):02X}{f' {label}' if label else ''})"
    return str(value)


def _dump(frame: bytes) -> str:
    rows: list[str] = []
    for at in range(0, len(frame), ROW):
        octets = frame[at : at + ROW]
        plain = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in octets)
        rows.append(f"{at:04x}  {octets.hex(' '):<{3 * ROW - 1}}  {plain}")
    return "\n".join(rows)
