"""Entry functions for a fuzzer over what reads pushes: any octets go in, nothing is ever raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sms_traffic_async.protocols.pushes import (
    BadItem,
    InboundPush,
    encode_reply,
    is_json,
    kind_of,
    read_inbound,
    read_parameters,
    read_status_form,
    read_statuses,
)

__all__ = ("TARGETS", "fuzz_inbound", "fuzz_statuses")


def fuzz_statuses(data: bytes) -> None:
    """A JSON push, and the same octets as a form."""
    for push in (read_statuses(data, most=8), read_status_form(read_parameters(b"", data))):
        assert len(push.updates) <= 8
        for update in push.updates:
            assert update.message_id
            assert repr(update)
        assert all(bad.reason for bad in push.bad)
    is_json(data)


def fuzz_inbound(data: bytes) -> None:
    """Query and body, divided at the first line feed, in every charset."""
    query, _, body = data.partition(b"\n")
    fields = read_parameters(query, body)
    kind_of(fields)
    for charset in ("auto", "windows-1251", "utf-8"):
        push = read_inbound(fields, charset=charset, content_type=data[:40].decode("latin-1"))
        if isinstance(push, BadItem):
            continue
        assert isinstance(push, InboundPush)
        encode_reply(push.message.text, push.charset)
        assert "secret" not in (push.message.raw or {})


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"statuses": fuzz_statuses, "inbound": fuzz_inbound}
"""By name, for a fuzzer's command line."""
