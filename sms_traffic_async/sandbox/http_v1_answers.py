"""Replies of v1 as the document prints them, in one line (its own are "shown formatted")."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Literal, TypeAlias

from sms_traffic_async.sandbox.classic import Placed
from sms_traffic_async.sandbox.http_breakage import Headers
from sms_traffic_async.sandbox.http_call import Answer
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.switches import Switches

__all__ = ("XML", "failed", "ids_reply", "ok", "refused_content", "reply", "send_content", "tag", "text_of")

XML: Headers = ((b"content-type", b"text/xml"),)
Head: TypeAlias = Literal["plain", "none", "windows-1251", "error"]
"""Which head the document gives a reply; ``error`` is plain there and windows-1251 live."""

_HEADS = {
    "plain": '<?xml version="1.0" ?>',
    "none": "",
    "windows-1251": '<?xml version="1.0" encoding="windows-1251" ?>',
    "utf-8": '<?xml version="1.0" encoding="UTF-8"?>',
}
# What XML 1.0 cannot hold, even as a reference.
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd")


def text_of(value: str) -> str:
    """A value as XML text."""
    return escape(value.translate(_FORBIDDEN), quote=False)


def tag(name: str, value: str) -> str:
    """An element with a text."""
    return f"<{name}>{text_of(value)}</{name}>"


def reply(content: str, switches: Switches, head: Head = "plain") -> Answer:
    """A whole reply around its content."""
    form = _form(switches, head)
    text = f"{_HEADS[form]}<reply>{content}</reply>"
    # Without a declared encoding XML is UTF-8.
    body = text.encode("cp1251", "xmlcharrefreplace") if form == "windows-1251" else text.encode()
    return Answer(200, body, XML)


def _form(switches: Switches, head: Head) -> str:
    if switches.xml_head == "document":
        return "plain" if head == "error" else head
    if switches.xml_head == "live":
        return "windows-1251" if head == "error" else head
    return switches.xml_head


def failed(refusal: Refusal, switches: Switches) -> Answer:
    """A request that was refused; HTTP knows nothing of it."""
    return reply(refused_content(refusal), switches, "error")


def send_content(placed: Placed, *, ids: bool) -> str:
    """What a send is answered: "queued N messages", always plural, and the ids if asked for."""
    content = _result("OK", 0, f"queued {placed.queued} messages")
    if not ids:
        return content
    infos: list[str] = []
    for row in placed.rows:
        push_id = "" if row.push_id is None else tag("push_id", row.push_id)
        phone = tag("phone", row.number)
        infos += [f"<message_info>{phone}{tag('sms_id', one)}{push_id}</message_info>" for one in row.ids]
    return f"{content}<message_infos>{''.join(infos)}</message_infos>"


def ids_reply(ids: Iterable[str], switches: Switches) -> Answer:
    """What ``set_checked`` is answered: no description, and windows-1251 in the head."""
    listed = "".join(tag("sms_id", one) for one in ids)
    return reply(f"<result>OK</result><code>0</code><sms_ids>{listed}</sms_ids>", switches, "windows-1251")


def _result(result: str, code: int, description: str) -> str:
    return f"<result>{result}</result><code>{code}</code>{tag('description', description)}"


def refused_content(refusal: Refusal) -> str:
    """What a refused request is answered."""
    return _result("ERROR", refusal.code, refusal.text)


def ok(description: str) -> str:
    """The beginning of a reply that went well."""
    return _result("OK", 0, description)
