"""SOAP envelopes, read and written: versions, namespaces, faults. Nothing of the methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from sms_traffic_async.sandbox.http_breakage import Headers
from sms_traffic_async.sandbox.http_call import Answer
from sms_traffic_async.sandbox.http_v1_answers import tag, text_of
from sms_traffic_async.sandbox.soap_wsdl import NAMESPACE

__all__ = ("Envelope", "SoapFault", "answer", "fault", "local", "read_envelope")

Version: TypeAlias = Literal["1.1", "1.2"]
Who: TypeAlias = Literal["sender", "receiver", "version"]

NAMESPACES: dict[str, Version] = {
    "http://www.w3.org/2003/05/soap-envelope": "1.2",
    "http://schemas.xmlsoap.org/soap/envelope/": "1.1",
}
_ENVELOPE_OF = {version: namespace for namespace, version in NAMESPACES.items()}
MEDIA: dict[Version, str] = {"1.2": "application/soap+xml", "1.1": "text/xml"}
_CODES: dict[tuple[Version, Who], str] = {
    ("1.1", "sender"): "env:Client",
    ("1.1", "receiver"): "env:Server",
    ("1.1", "version"): "env:VersionMismatch",
    ("1.2", "sender"): "env:Sender",
    ("1.2", "receiver"): "env:Receiver",
    ("1.2", "version"): "env:VersionMismatch",
}
DEEPEST = 16


class Envelope(NamedTuple):
    """A request: its version, its body's only element, and whether headers came."""

    version: Version
    body: Element
    headers: bool


class SoapFault(Exception):
    """The request is answered with a fault."""

    def __init__(self, reason: str, *, version: Version = "1.2", who: Who = "sender") -> None:
        super().__init__(reason)
        self.reason = reason
        self.version: Version = version
        self.who: Who = who


def local(element: Element) -> tuple[str, str]:
    """Namespace and local name."""
    name = element.tag
    if name.startswith("{"):
        namespace, _, rest = name[1:].partition("}")
        return namespace, rest
    return "", name


def read_envelope(body: bytes) -> Envelope:
    """Read an envelope.

    Raises:
        SoapFault: not well-formed, with a DTD, too deep, another version, or not one element in its body.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise SoapFault("The request is not well-formed XML without a DTD") from None
    namespace, name = local(root)
    version = NAMESPACES.get(namespace)
    if version is None or name != "Envelope":
        raise SoapFault("The root is not a SOAP 1.1 or 1.2 Envelope", version="1.1", who="version")
    if _too_deep(root):
        raise SoapFault("The request is nested too deeply", version=version)
    bodies = [one for one in root if local(one) == (namespace, "Body")]
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise SoapFault("The Body holds not exactly one element", version=version)
    headers = any(local(one) == (namespace, "Header") and len(one) > 0 for one in root)
    return Envelope(version, bodies[0][0], headers)


def _too_deep(root: Element) -> bool:
    level: list[Element] = [root]
    for _ in range(DEEPEST):
        level = list(_children(level))
        if not level:
            return False
    return True


def _children(elements: list[Element]) -> Iterator[Element]:
    for element in elements:
        yield from element


def answer(version: Version, content: str, *, status: int = 200) -> Answer:
    """An envelope around a body's content, as the document prints it, in one line."""
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="{_ENVELOPE_OF[version]}" '
        f'xmlns="{NAMESPACE}"><env:Body>{content}</env:Body></env:Envelope>'
    )
    return Answer(status, text.encode(), _headers(version))


def fault(problem: SoapFault) -> Answer:
    """A fault in the words of its version; SOAP 1.1 faults are HTTP 500, those of 1.2 that we cause are 400."""
    version = problem.version
    code = _CODES[version, problem.who]
    if version == "1.1":
        content = f"<env:Fault><faultcode xmlns=''>{code}</faultcode><faultstring xmlns=''>"
        content += f"{text_of(problem.reason)}</faultstring></env:Fault>"
        return answer(version, content, status=500)
    reason = f'<env:Reason><env:Text xml:lang="en">{text_of(problem.reason)}</env:Text></env:Reason>'
    content = f"<env:Fault><env:Code>{tag('env:Value', code)}</env:Code>{reason}</env:Fault>"
    return answer(version, content, status=400 if problem.who == "sender" else 500)


def _headers(version: Version) -> Headers:
    return ((b"content-type", f"{MEDIA[version]}; charset=utf-8".encode()),)
