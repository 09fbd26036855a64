"""Entry functions for a fuzzer: every decoder of what a peer wrote, each with the one error it may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sms_traffic_async.policy.retry_after import parse_retry_after
from sms_traffic_async.protocols import xml
from sms_traffic_async.protocols.http.answers import Damaged
from sms_traffic_async.protocols.http_v2 import wire as v2
from sms_traffic_async.protocols.smtp import read_reply
from sms_traffic_async.text import STANDARD, parse_user_data
from tests.protocols.pushes import fuzz_targets as pushes
from tests.protocols.smpp import fuzz_targets as smpp

__all__ = ("TARGETS",)


def fuzz_v2(data: bytes) -> None:
    """Answers of HTTP API v2."""
    for decode in (v2.decode_send, lambda body: v2.decode_statuses(body, node="n")):
        try:
            decode(data)
        except Damaged:
            continue


def fuzz_xml(data: bytes) -> None:
    """Answers of HTTP API v1 and SOAP."""
    try:
        root = xml.read(data)
    except xml.Damaged:
        return
    for element in root.walk():
        assert isinstance(element.text, str)


def fuzz_letter(data: bytes) -> None:
    """The platform's letter of reply."""
    try:
        read_reply(data)
    except (xml.Damaged, Damaged):
        return


def fuzz_text(data: bytes) -> None:
    """Short messages and their headers."""
    parse_user_data(data)
    STANDARD.decode(data)


def fuzz_retry_after(data: bytes) -> None:
    """Retry-After beside Date."""
    value, _, date = data.decode("latin-1").partition("\n")
    delay = parse_retry_after(value, date=date, now=1_767_225_600.0, cap=900.0)
    assert delay is None or 0 <= delay <= 900


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "v2": fuzz_v2,
    "xml": fuzz_xml,
    "letter": fuzz_letter,
    "text": fuzz_text,
    "retry_after": fuzz_retry_after,
    **{f"smpp_{name}": target for name, target in smpp.TARGETS.items()},
    **{f"push_{name}": target for name, target in pushes.TARGETS.items()},
}
"""By name, for the fuzzer's command line."""
