"""XML that somebody else wrote, read safely: for v1, SOAP and the reply letters of SMTP.

Rules
-----
1. No DTD, no entities but the five of XML, nothing external (defusedxml).
2. Bounded: elements nest at most ``DEPTH`` deep, there are at most
   ``ELEMENTS`` of them, and a tag may be ``TAG_BYTES`` long. The bytes are
   capped before they come here.
3. Characters: the declared encoding, else the one of the HTTP header, else UTF-8
   if it is valid, else windows-1251 (field notes, 0.8). A declaration that
   does not fit the bytes counts for nothing.
4. ``read_slowly`` lets the loop run after every slice; its parser holds it up
   for a few milliseconds at a time.
5. Whatever cannot be read is ``Damaged``, whose text quotes nothing.

Namespaces and attributes are dropped: no reply of the platform needs them.
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Generator, Iterator
from typing import Protocol, cast, final

from sms_traffic_async.protocols.http.answers import Damaged

__all__ = ("DEPTH", "ELEMENTS", "SLICE", "TAG_BYTES", "Damaged", "Element", "decode", "read", "read_slowly")

DEPTH = 8
"""Deeper than any reply of the document (v1: 4, SOAP: 5)."""
ELEMENTS = 40_000
"""6,000 ``message_info`` with a push_id are 24,004."""
SLICE = 8_192
"""Bytes parsed without letting the loop run."""
TAG_BYTES = 65_536

_HEAD_BYTES = 200
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,120}?\sencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
# Only what has been met or is near it: a codec's name is the peer's choice, and Python has codecs that inflate.
# UTF-16 goes by its mark alone: almost any bytes can be read as it.
_KNOWN = frozenset({"utf-8", "ascii", "cp1251", "iso8859-1", "iso8859-5", "koi8-r", "cp866"})
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SPACE = " \t\r\n"


@final
class Element:
    """One element: its local name, its own text, its children."""

    __slots__ = ("_text", "children", "name")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.children: list[Element] = []
        self._text: list[str] = []

    def __repr__(self) -> str:
        return f"<Element {self.name} with {len(self.children)} children>"

    def add_text(self, data: str) -> None:
        """More of its text."""
        self._text.append(data)

    @property
    def raw_text(self) -> str:
        """Its own text as it came."""
        return "".join(self._text)

    @property
    def text(self) -> str:
        """Its own text, without white space around it."""
        return self.raw_text.strip(_SPACE)

    def first(self, *names: str) -> Element | None:
        """The first child with one of these names, in the order of the names."""
        for name in names:
            for child in self.children:
                if child.name == name:
                    return child
        return None

    def all(self, *names: str) -> list[Element]:
        """Every child with one of these names."""
        return [child for child in self.children if child.name in names]

    def value(self, *names: str) -> str | None:
        """The text of the first such child that has one; "" where such children are empty, ``None`` without one."""
        found: str | None = None
        for name in names:
            for child in self.children:
                if child.name == name:
                    found = child.text
                    if found:
                        return found
        return found

    def walk(self) -> Iterator[Element]:
        """Itself and everything below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def row(self) -> dict[str, str]:
        """Its children's texts by name; of several with one name the last."""
        return {child.name: child.text for child in self.children}


class _Parser(Protocol):
    """What is used of defusedxml's parser, which has no types."""

    def feed(self, data: bytes, /) -> None: ...
    def close(self) -> object: ...


@final
class _Builder:
    """The parser's target: builds elements, and counts."""

    __slots__ = ("_depth", "_elements", "_open", "events", "root")

    def __init__(self, depth: int, elements: int) -> None:
        self._depth = depth
        self._elements = elements
        self._open: list[Element] = []
        self.root: Element | None = None
        self.events = 0

    def start(self, tag: str, attributes: object) -> None:  # noqa: ARG002 - the parser's interface
        """An element begins."""
        self.events += 1
        self._elements -= 1
        if len(self._open) >= self._depth:
            raise Damaged("its elements nest too deep")
        if self._elements < 0:
            raise Damaged("it has too many elements")
        element = Element(tag.rpartition("}")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, tag: str) -> None:  # noqa: ARG002 - the parser's interface
        """An element ends."""
        self.events += 1
        self._open.pop()

    def data(self, data: str) -> None:
        """Some text."""
        self.events += 1
        if self._open:
            self._open[-1].add_text(data)

    def close(self) -> None:
        """The end."""


def decode(body: bytes, content_type: str | None = None) -> str:
    """The characters of an answer; never fails.

    Args:
        body: as it came.
        content_type: the header, for its charset.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body.decode(name, "replace").lstrip("\ufeff")
    declared = _DECLARED.match(body[:_HEAD_BYTES])
    header = _CHARSET.search(content_type or "")
    named = ["utf-8"]
    if header is not None:
        named.insert(0, str(header[1]))
    if declared is not None:
        named.insert(0, declared[1].decode("ascii"))
    for codec in map(_known, named):
        if codec is None:
            continue
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            continue
    # 0x98 is no character of windows-1251; one bad letter must not cost the ids beside it.
    return body.decode("cp1251", "replace")


def _known(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return None
    return found if found in _KNOWN else None


def _parse(body: bytes, content_type: str | None, depth: int, elements: int) -> Generator[None, None, Element]:
    """Parse slice by slice; gives the root at the end."""
    from defusedxml.ElementTree import DefusedXMLParser

    builder = _Builder(depth, elements)
    parser = cast("_Parser", DefusedXMLParser(target=builder, encoding="utf-8", forbid_dtd=True))
    text = decode(body, content_type).lstrip(_SPACE)
    yield
    data = text.encode("utf-8", "replace")
    del text
    yield
    problem = ""
    quiet = events = 0
    try:
        for start in range(0, len(data), SLICE):
            piece = data[start : start + SLICE]
            parser.feed(piece)
            # A tag that never ends is read again with every slice, and its attributes come in one piece.
            quiet = 0 if builder.events != events else quiet + len(piece)
            events = builder.events
            if quiet >= TAG_BYTES:
                raise Damaged("a tag is too long")  # noqa: TRY301 - one way out for all that is wrong
            yield
        parser.close()
    except Damaged as error:
        problem = str(error)
    except (SyntaxError, ValueError) as error:  # the parser's ParseError, and defusedxml's refusals
        problem = "a DTD or an entity" if isinstance(error, ValueError) else "not well-formed XML"
    if problem or builder.root is None:
        raise Damaged(problem or "not well-formed XML")
    return builder.root


def read(body: bytes, content_type: str | None = None, *, depth: int = DEPTH, elements: int = ELEMENTS) -> Element:
    """Parse an answer at once.

    Args:
        body: its bytes, already under a cap.
        content_type: the HTTP header, for its charset.
        depth: how deep elements may nest.
        elements: how many there may be.

    Raises:
        Damaged: not well-formed, or over a bound.
    """
    parsing = _parse(body, content_type, depth, elements)
    while True:
        try:
            next(parsing)
        except StopIteration as end:
            return cast("Element", end.value)


async def read_slowly(
    body: bytes, content_type: str | None = None, *, depth: int = DEPTH, elements: int = ELEMENTS
) -> Element:
    """The same, letting the loop run between slices: for answers above 256 kB.

    Cancellation: harmless; nothing is kept.
    """
    parsing = _parse(body, content_type, depth, elements)
    while True:
        try:
            next(parsing)
        except StopIteration as end:
            return cast("Element", end.value)
        await asyncio.sleep(0)
