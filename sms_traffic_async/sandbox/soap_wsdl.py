"""The WSDL that the sandbox serves at ``/soap.wsdl``.

The platform's own is not public; this one is written from the document's
tables and examples, for SOAP 1.2 and 1.1, with a port for each node.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

__all__ = ("NAMESPACE", "wsdl")

NAMESPACE = "http://soap.smstraffic.ru/soap.wsdl"
"""As the document's examples have it: http, though the WSDL lives at https."""

_OPTIONS = (
    ("Login", "string", 1),
    ("Password", "string", 1),
    ("Originator", "string", 0),
    ("WantSmsIds", "boolean", 0),
    ("IgnorePhoneFormat", "boolean", 0),
    ("LatinEncoding", "boolean", 0),
    ("Timeout", "int", 0),
    ("Flash", "boolean", 0),
    ("StartDate", "dateTime", 0),
    ("MaxParts", "int", 0),
    ("TwoByteConcat", "boolean", 0),
)
_OPERATIONS = (
    ("SendBulkSms", "BulkSms", "SmsResponse"),
    ("SendIndividualSms", "IndividualSms", "SmsResponse"),
    ("GetSmsStatus", "StatusRequest", "StatusResponse"),
    ("GetBalance", "BalanceRequest", "BalanceResponse"),
)
"""A method, and the elements of its request and answer, which have other names."""

_MANY = ' maxOccurs="unbounded"'
_LOGIN = '<xs:element name="Login" type="xs:string"/><xs:element name="Password" type="xs:string"/>'
_STATUS = '<xs:element name="Status" type="tns:ProcessStatus"/>'

_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions name="SmsTraffic" targetNamespace="{NAMESPACE}" xmlns:tns="{NAMESPACE}"
 xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:xs="http://www.w3.org/2001/XMLSchema">
"""


def wsdl(urls: Sequence[str]) -> bytes:
    """The whole WSDL.

    Args:
        urls: the base URL of each node, node 1 first.
    """
    parts = [_HEAD, _types(), _messages()]
    for prefix, version in (("soap12", "12"), ("soap", "11")):
        parts.append(_binding(prefix, version))
    parts += [_service(urls), "</wsdl:definitions>\n"]
    return "".join(parts).encode()


def _types() -> str:
    options = "".join(_element(name, kind, least=least) for name, kind, least in _OPTIONS)
    options_element = '<xs:element name="Options" type="tns:SmsOptions"/>'
    message, phone = _element("Message", "string"), '<xs:element name="Phone" type="xs:string"'
    types = [
        _complex("SmsOptions", options),
        _complex("Pair", phone + "/>" + message),
        _complex(
            "ProcessStatus",
            _element("IsSuccess", "boolean") + _element("Code", "int") + _element("Description", "string", least=0),
        ),
        _complex(
            "MessageInfoType",
            _element("Phone", "string") + _element("ProcessResult", "string") + _element("SmsId", "string", least=0),
        ),
        _complex(
            "SmsInfoType",
            _element("SmsId", "string")
            + _element("Error", "string", least=0)
            + "".join(
                _element(name, "dateTime", least=0) for name in ("SubmissionDate", "SendDate", "LastStatusChangeDate")
            )
            + _element("Status", "string", least=0),
        ),
        _root("BulkSms", options_element + message + phone + f"{_MANY}/>"),
        _root("IndividualSms", options_element + f'<xs:element name="Pairs" type="tns:Pair"{_MANY}/>'),
        _root("SmsResponse", _STATUS + _optional("MessageInfo", "MessageInfoType")),
        _root("StatusRequest", _LOGIN + f'<xs:element name="SmsId" type="xs:string"{_MANY}/>'),
        _root("StatusResponse", _STATUS + _optional("SmsInfo", "SmsInfoType")),
        _root("BalanceRequest", _LOGIN),
        _root("BalanceResponse", _STATUS + _element("Amount", "decimal", least=0)),
    ]
    schema = f'<xs:schema targetNamespace="{NAMESPACE}" elementFormDefault="qualified">\n'
    return f"<wsdl:types>\n{schema}{''.join(types)}</xs:schema>\n</wsdl:types>\n"


def _element(name: str, kind: str, *, least: int = 1) -> str:
    optional = "" if least else ' minOccurs="0"'
    return f'<xs:element name="{name}" type="xs:{kind}"{optional}/>'


def _optional(name: str, kind: str) -> str:
    return f'<xs:element name="{name}" type="tns:{kind}" minOccurs="0"{_MANY}/>'


def _complex(name: str, content: str) -> str:
    return f'<xs:complexType name="{name}"><xs:sequence>{content}</xs:sequence></xs:complexType>\n'


def _root(name: str, content: str) -> str:
    sequence = f"<xs:complexType><xs:sequence>{content}</xs:sequence></xs:complexType>"
    return f'<xs:element name="{name}">{sequence}</xs:element>\n'


def _messages() -> str:
    names = sorted({name for _, request, answer in _OPERATIONS for name in (request, answer)})
    messages = "".join(
        f'<wsdl:message name="{name}"><wsdl:part name="parameters" element="tns:{name}"/></wsdl:message>\n'
        for name in names
    )
    operations = "".join(
        f'<wsdl:operation name="{name}"><wsdl:input message="tns:{request}"/>'
        f'<wsdl:output message="tns:{answer}"/></wsdl:operation>\n'
        for name, request, answer in _OPERATIONS
    )
    return f'{messages}<wsdl:portType name="SmsTrafficPort">\n{operations}</wsdl:portType>\n'


def _binding(prefix: str, version: str) -> str:
    body = f'<{prefix}:body use="literal"/>'
    operations = "".join(
        f'<wsdl:operation name="{name}"><{prefix}:operation soapAction="" style="document"/>'
        f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation>\n"
        for name, _, _ in _OPERATIONS
    )
    transport = f'<{prefix}:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
    name = f"SmsTrafficSoap{version}"
    return f'<wsdl:binding name="{name}" type="tns:SmsTrafficPort">{transport}\n{operations}</wsdl:binding>\n'


def _service(urls: Sequence[str]) -> str:
    ports: list[str] = []
    for node, url in enumerate(urls, 1):
        for prefix, version in (("soap12", "12"), ("soap", "11")):
            address = f'<{prefix}:address location="{escape(url)}/soap.php"/>'
            binding = f"SmsTrafficSoap{version}"
            ports.append(f'<wsdl:port name="Node{node}Soap{version}" binding="tns:{binding}">{address}</wsdl:port>\n')
    return f'<wsdl:service name="SmsTraffic">\n{"".join(ports)}</wsdl:service>\n'
