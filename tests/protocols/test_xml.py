"""XML from others: what is read, in which encodings, and what is refused within bounds."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc

import pytest

from sms_traffic_async.protocols import xml
from sms_traffic_async.protocols.xml import Damaged, Element, read, read_slowly

INFOS = 6000
CYRILLIC = "<name>клиенты</name>"


def big(count: int = INFOS) -> bytes:
    rows = b"".join(
        b"<message_info><phone>7905%07d</phone><sms_id>%d</sms_id><push_id>m%d</push_id></message_info>"
        % (number, 10**18 + number, number)
        for number in range(count)
    )
    return b'<?xml version="1.0"?><reply><result>OK</result><message_infos>' + rows + b"</message_infos></reply>"


def test_elements() -> None:
    root = read(
        b'<x:a xmlns:x="urn:1" i="1"><b> one </b><c/><b>two</b><x:d>&lt;&amp;&#1103;<![CDATA[<z>]]></x:d></x:a>'
    )
    assert root.name == "a"
    assert [child.name for child in root.children] == ["b", "c", "b", "d"]
    assert root.value("b") == "one"
    assert root.value("c") == ""
    assert root.value("nothing") is None
    assert root.value("c", "b") == "one", "an empty element does not hide a full one of another name"
    assert root.value("d") == "<&я<z>"
    assert [element.text for element in root.all("b")] == ["one", "two"]
    found = root.first("nothing", "d")
    assert found is not None
    assert found.name == "d"
    assert root.first("nothing") is None
    assert root.row() == {"b": "two", "c": "", "d": "<&я<z>"}
    assert [element.name for element in root.walk()] == ["a", "b", "c", "b", "d"]
    assert "one" not in repr(root)


@pytest.mark.parametrize(
    "body, content_type",
    [
        (f"<?xml version='1.0' encoding='windows-1251' ?>{CYRILLIC}".encode("cp1251"), None),
        (f'<?xml version="1.0" encoding="utf-8"?>{CYRILLIC}'.encode(), None),
        (f'<?xml version="1.0"?>{CYRILLIC}'.encode(), None),
        (CYRILLIC.encode(), "text/xml"),
        (CYRILLIC.encode("cp1251"), None),
        (f'<?xml version="1.0" ?>\n{CYRILLIC}'.encode("cp1251"), "text/xml"),
        (CYRILLIC.encode("koi8-r"), 'text/xml; charset="KOI8-R"'),
        (CYRILLIC.encode("cp1251"), "text/xml; charset=windows-1251"),
        (f'<?xml version="1.0" encoding="utf-8"?>{CYRILLIC}'.encode("cp1251"), None),
        (f'<?xml version="1.0" encoding="windows-1251"?>{CYRILLIC}'.encode("cp1251"), "text/xml; charset=utf-8"),
        (CYRILLIC.encode("utf-8-sig"), None),
        (CYRILLIC.encode("utf-16"), None),
        (f'<?xml version="1.0" encoding="utf-16"?>{CYRILLIC}'.encode(), None),
        (f'<?xml version="1.0" encoding="rot13"?>{CYRILLIC}'.encode(), "text/xml; charset=zlib_codec"),
        (f'<?xml version="1.0" encoding="no-such"?>{CYRILLIC}'.encode(), "text/xml; charset=no-such"),
        (f"\r\n  {CYRILLIC}\r\n".encode(), None),
    ],
)
def test_v11_declared_header_utf8_windows_1251(body: bytes, content_type: str | None) -> None:
    assert read(body, content_type).text == "клиенты"


def test_a_letter_that_is_in_no_charset_does_not_cost_the_rest() -> None:
    root = read(b"<r><d>\x98\xff</d><id>17</id></r>")
    assert (root.value("id"), root.value("d")) == ("17", "\ufffdя")


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<a>", b"<a></b>", b"<a/><b/>", b"plain", b'{"a":1}', b"<a>\x01</a>", b"<a>&nbsp;</a>", b"<a b=c/>",
     b"\xff\xfe", b"<?xml version='1.0'?>", b"<a/>tail"],
)  # fmt: skip
def test_what_is_no_xml(body: bytes) -> None:
    with pytest.raises(Damaged) as caught:
        read(body)
    assert "not well-formed" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE r><r/>",
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>',
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>',
        b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 100_000 + b'">]><r>' + b"&a;" * 1000 + b"</r>",
        b"<!DOCTYPE html><html><body>blocked</body></html>",
    ],
    ids=["empty", "external", "file", "laughs", "quadratic", "html page"],
)
def test_dtds_and_entities_are_refused(body: bytes) -> None:
    with pytest.raises(Damaged, match="a DTD or an entity"):
        read(body)


def test_depth() -> None:
    assert read(b"<a>" * xml.DEPTH + b"</a>" * xml.DEPTH).name == "a"
    with pytest.raises(Damaged, match="too deep"):
        read(b"<a>" * (xml.DEPTH + 1) + b"</a>" * (xml.DEPTH + 1))
    assert read(b"<a><b/></a>", depth=2).name == "a"
    with pytest.raises(Damaged):
        read(b"<a><b/></a>", depth=1)


def test_elements_are_counted() -> None:
    assert len(read(b"<a>" + b"<b/>" * 9 + b"</a>", elements=10).children) == 9
    with pytest.raises(Damaged, match="too many"):
        read(b"<a>" + b"<b/>" * 10 + b"</a>", elements=10)


ATTACKS = {
    "a million levels": b"<a>" * 1_000_000 + b"</a>" * 1_000_000,
    "a flat crowd": b"<r>" + b"<a/>" * 500_000 + b"</r>",
    "200,000 attributes": b"<r " + b" ".join(b'a%d="1"' % number for number in range(200_000)) + b"/>",
    "an endless attribute": b'<r a="' + b"x" * 2_000_000,
    "an endless tag": b"<" + b"a" * 2_000_000,
    "an endless comment": b"<r><!--" + b"x" * 2_000_000 + b"--></r>",
    "empty comments": b"<r>" + b"<!---->" * 280_000 + b"</r>",
    "instructions": b"<r>" + b"<?x?>" * 400_000 + b"</r>",
}


@pytest.mark.parametrize("body", ATTACKS.values(), ids=ATTACKS)
def test_attacks_end_in_bounded_time_and_memory(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Damaged):
        read(body)
    assert time.process_time() - began < 1.0
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            read(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000


async def test_6000_infos_let_the_loop_run() -> None:
    body = big()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    root = await read_slowly(body)
    task.cancel()
    infos = root.first("message_infos")
    assert infos is not None
    assert len(infos.children) == INFOS
    assert infos.children[-1].value("sms_id") == str(10**18 + INFOS - 1)
    assert turns >= len(body) // xml.SLICE, "the loop had a turn after every slice"


def slices(body: bytes) -> list[float]:
    """Processor seconds of each slice."""
    found: list[float] = []
    parsing = xml._parse(body, None, xml.DEPTH, xml.ELEMENTS)
    while True:
        began = time.process_time()
        try:
            next(parsing)
        except (StopIteration, Damaged):
            return found
        finally:
            found.append(time.process_time() - began)


def test_no_slice_holds_the_loop_up() -> None:
    read(b"<a/>")  # the parser's own import is not meant
    gc.collect()
    gc.disable()  # nor what a collection of everybody else's objects takes
    try:
        for body in (big(), *(attack[:2_000_000] for attack in ATTACKS.values()), CYRILLIC.encode("cp1251") * 100_000):
            assert max(map(min, zip(slices(body), slices(body), strict=True))) < 0.05
    finally:
        gc.enable()


@pytest.mark.parametrize("body", [b"<a>", b"<!DOCTYPE r><r/>"])
async def test_slowly_refuses_the_same(body: bytes) -> None:
    with pytest.raises(Damaged):
        await read_slowly(body)


def test_every_cut_of_an_answer_is_damaged() -> None:
    body = big(2)
    for size in range(len(body)):
        with pytest.raises(Damaged):
            read(body[:size])
    assert isinstance(read(body), Element)
