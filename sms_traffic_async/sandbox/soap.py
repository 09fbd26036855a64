"""``/soap.php`` and ``/soap.wsdl`` of one node (document, "SOAP протокол").

SOAP 1.2 and 1.1 are answered in kind. Refusals of the platform are HTTP 200
with ``Status``; only what is no request of the document is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.classic import Placed, PlacedRow, find, place, sign_in
from sms_traffic_async.sandbox.drafts import Arrival
from sms_traffic_async.sandbox.http_breakage import HTML
from sms_traffic_async.sandbox.http_call import Answer, Call, too_many_requests
from sms_traffic_async.sandbox.http_v1_answers import XML, tag
from sms_traffic_async.sandbox.http_v1_order import Refused
from sms_traffic_async.sandbox.http_v1_queries import UNKNOWN_MESSAGE
from sms_traffic_async.sandbox.masking import mask_form, mask_xml
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.soap_envelope import (
    MEDIA,
    Envelope,
    SoapFault,
    Version,
    answer,
    fault,
    local,
    read_envelope,
)
from sms_traffic_async.sandbox.soap_reading import Fields, read_bulk, read_credentials, read_ids, read_individual
from sms_traffic_async.sandbox.soap_wsdl import NAMESPACE, wsdl

__all__ = ("SoapRoom",)

PATH, WSDL_PATH = "/soap.php", "/soap.wsdl"
_METHODS = {
    "BulkSms": ("send", "SmsResponse"),
    "IndividualSms": ("send", "SmsResponse"),
    "StatusRequest": ("statuses", "StatusResponse"),
    "BalanceRequest": ("account", "BalanceResponse"),
}
"""The request's element: the operation's name in rules, and the answer's element."""


class SoapRoom:
    """SOAP of one node."""

    protocol = "soap"

    def __init__(self, platform: Platform, urls: Callable[[], Sequence[str]]) -> None:
        self._platform = platform
        self._urls = urls

    def operation(self, call: Call) -> str:
        """``send``, ``statuses``, ``account``, ``wsdl``, or empty. Reads the request."""
        if call.method == "GET":
            return "wsdl" if self._is_wsdl(call) else ""
        try:
            call.parsed = read_envelope(call.body)
        except SoapFault as problem:
            call.parsed = problem
        call.body = mask_xml(mask_form(call.body))
        if isinstance(call.parsed, SoapFault):
            return ""
        return _METHODS.get(local(call.parsed.body)[1], ("", ""))[0]

    async def handle(self, call: Call) -> Answer:
        """Answer one request."""
        if call.operation == "wsdl":
            await call.gate()
            return Answer(200, wsdl(self._urls()), XML)
        if call.path != PATH or call.method != "POST":
            call.finding(call.path, "is called otherwise than the document says", refused=True)
            if call.path != PATH:
                return Answer(404, b"Not Found", HTML)
            return Answer(405, b"Method Not Allowed", (*HTML, (b"allow", b"POST")))
        parsed: Envelope | SoapFault = call.parsed
        if isinstance(parsed, SoapFault):
            call.finding("(body)", parsed.reason, refused=True)
            return fault(parsed)
        return await self._answer(call, parsed)

    def throttled(self, retry_after: str | None) -> Answer:
        """HTTP 429; the document knows none for SOAP, a server in front of it may."""
        return too_many_requests(retry_after)

    def temporary(self, call: Call) -> Answer:
        """Code 1000 in a Status; a fault where there is no request to answer."""
        parsed: Envelope | SoapFault | None = call.parsed
        if not isinstance(parsed, Envelope) or not call.operation:
            return fault(SoapFault(refuse(1000).text, who="receiver"))
        return self._refused(parsed, refuse(1000))

    @staticmethod
    def _is_wsdl(call: Call) -> bool:
        return call.path == WSDL_PATH or (call.path == PATH and call.query.lower() == b"wsdl")

    async def _answer(self, call: Call, envelope: Envelope) -> Answer:
        namespace, name = local(envelope.body)
        if name not in _METHODS or namespace != NAMESPACE:
            call.finding(name, f"is no request in the namespace {NAMESPACE}", refused=True)
            return fault(SoapFault("The Body holds no request of the service", version=envelope.version))
        media = call.header(b"content-type").partition(";")[0].strip().lower()
        if media != MEDIA[envelope.version]:
            call.finding("Content-Type", f"is not {MEDIA[envelope.version]}, as SOAP {envelope.version} has it")
        if envelope.headers:
            call.finding("Header", "is not read")
        login, password = read_credentials(envelope.body)
        principal = sign_in(self._platform, login, password, call.ip)
        try:
            if isinstance(principal, Refusal):
                return self._refused(envelope, principal)
            await call.gate()
            content = self._content(call, principal, name, envelope.body)
        except Refused as no:
            return self._refused(envelope, no.refusal)
        return answer(envelope.version, f"<{_METHODS[name][1]}>{content}</{_METHODS[name][1]}>")

    def _content(self, call: Call, principal: Principal, name: str, body: Element) -> str:
        if name == "StatusRequest":
            infos = "".join(self._info(call, principal, one) for one in read_ids(body, call.finding))
            return self._status(0, "") + infos
        if name == "BalanceRequest":
            Fields(body, frozenset({"Options", "Login", "Password"}), call.finding, "BalanceRequest/")
            return self._status(0, "", exact=True) + tag("Amount", f"{principal.account.balance:f}")
        return self._send(call, principal, name, body)

    def _send(self, call: Call, principal: Principal, name: str, body: Element) -> str:
        platform = self._platform
        read = read_bulk if name == "BulkSms" else read_individual
        order = read(body, platform.switches, call.finding)
        arrival = Arrival(
            protocol=self.protocol,
            node=call.node,
            principal=principal,
            request_id=call.request_id,
            ip=call.ip,
            ids_per_part=True,
        )
        placed = place(order, platform, arrival, note=call.finding, unroutable=True)
        if isinstance(placed, Refusal):
            raise Refused(placed)
        content = self._status(0, f"queued {placed.queued} messages")
        return content + self._infos(placed) if order.want_ids else content

    def _infos(self, placed: Placed) -> str:
        per_part = self._platform.switches.soap_infos == "part"
        return "".join(_message_infos(row, per_part=per_part) for row in placed.rows)

    def _info(self, call: Call, principal: Principal, message_id: str) -> str:
        platform = self._platform
        message = find(platform, message_id, protocol=self.protocol, node=call.node, principal=principal)
        content = tag("SmsId", message_id)
        if message is None:
            return f"<SmsInfo>{content}{tag('Error', UNKNOWN_MESSAGE)}</SmsInfo>"
        content += tag("Error", "") + self._date("SubmissionDate", message.submitted_at)
        content += self._date("SendDate", message.sent_at) + self._date("LastStatusChangeDate", message.status_at)
        return f"<SmsInfo>{content}{tag('Status', message.status)}</SmsInfo>"

    def _date(self, name: str, at: float | None) -> str:
        """UTC+3 without saying so; what is not there yet is left out, as xsd:dateTime is never empty."""
        if at is None:
            return ""
        return tag(name, f"{self._platform.clock.datetime(at):%Y-%m-%dT%H:%M:%S}")

    def _status(self, code: int, description: str, *, exact: bool = False) -> str:
        """``exact``: the document's example of a balance has it right."""
        success = "true" if code == 0 else "false"
        broken = self._platform.switches.soap_broken_success and not exact
        flag = f"<IsSuccess>{'>' if broken else ''}{success}</IsSuccess>"
        return f"<Status>{flag}{tag('Code', str(code))}{tag('Description', description)}</Status>"

    def _refused(self, envelope: Envelope, refusal: Refusal) -> Answer:
        name = local(envelope.body)[1]
        status = self._status(refusal.code, refusal.text, exact=name == "BalanceRequest")
        version: Version = envelope.version
        return answer(version, f"<{_METHODS[name][1]}>{status}</{_METHODS[name][1]}>")


def _message_infos(row: PlacedRow, *, per_part: bool) -> str:
    phone = tag("Phone", row.number)
    if not row.ids:
        return f"<MessageInfo>{phone}{tag('ProcessResult', 'Unroutable')}</MessageInfo>"
    accepted = phone + tag("ProcessResult", "Accepted")
    ids = row.ids if per_part else row.ids[:1]
    return "".join(f"<MessageInfo>{accepted}{tag('SmsId', one)}</MessageInfo>" for one in ids)
