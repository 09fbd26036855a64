"""One request of SOAP on its way: the envelope with login and password, and faults in the answer."""

from __future__ import annotations

from typing import TypeVar, Unpack

from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.login import Decode, LoginCalls
from sms_traffic_async.protocols.soap.models import SendRequest
from sms_traffic_async.protocols.soap.wire import (
    SoapFault,
    carries,
    encode_balance,
    encode_send,
    encode_statuses,
    headers,
    read_fault,
)
from sms_traffic_async.protocols.xml import Element, read
from sms_traffic_async.settings import Settings
from sms_traffic_async.settings_soap import SoapOptions

__all__ = ("SoapCalls",)

T = TypeVar("T")

_STATUS_DECIDES = frozenset({401, 403, 429})


class SoapCalls(LoginCalls):
    """Everything that the calls of one SOAP client share.

    Args:
        settings: of the session, or of one view of it; its nodes are not used.
        options: the servers, and how SOAP is spoken.
        **shared: see ``Shared``; ``nodes`` are those of the options.

    Raises:
        ConfigurationError: there is no login, or XML could not carry it.
    """

    def __init__(self, settings: Settings, *, options: SoapOptions, **shared: Unpack[Shared]) -> None:
        super().__init__(
            settings.with_changes(nodes=options.nodes),
            protocol="SOAP",
            carries=carries,
            uncarried="XML has no place for some character of it",
            **shared,
        )
        self.options = options

    def send_request(self, operation: str, request: SendRequest) -> HttpRequest:
        """SendBulkSms or SendIndividualSms."""
        options = self.options
        content = encode_send(
            request,
            self._credentials(),
            version=options.version,
            start=options.start,
            ids_element=options.ids_element,
        )
        return self._request(operation, content)

    def statuses_request(self, operation: str, ids: tuple[str, ...]) -> HttpRequest:
        """GetSmsStatus."""
        return self._request(operation, encode_statuses(ids, self._credentials(), version=self.options.version))

    def balance_request(self, operation: str) -> HttpRequest:
        """GetBalance."""
        return self._request(operation, encode_balance(self._credentials(), version=self.options.version))

    def _credentials(self) -> tuple[tuple[str, str], ...]:
        return ("Login", self._login), ("Password", self._password.reveal())

    def _request(self, operation: str, content: bytes) -> HttpRequest:
        # The node's URL is the whole address; the path adds nothing to it.
        return HttpRequest(
            method="POST",
            path="",
            operation=operation,
            headers=(("Accept-Encoding", "identity"), *headers(self.options.version)),
            content=content,
        )

    def by_status(self, answer: HttpAnswer) -> Attempt | None:
        """See ``HttpCalls``; a fault in the body says more than the status it comes with."""
        by_status = super().by_status(answer)
        if by_status is None or answer.status in _STATUS_DECIDES:
            return by_status
        # Faults come with 500, in SOAP 1.2 those that blame the request with 400.
        try:
            fault = read_fault(read(answer.body, answer.headers.get("content-type")))
        except Damaged:
            return by_status
        return by_status if fault is None else self._by_fault(answer, fault)

    def judge(self, answer: HttpAnswer, root: Element, decode: Decode[T]) -> T | Attempt:
        """See ``LoginCalls``; a fault comes with 200 too."""
        fault = read_fault(root)
        return super().judge(answer, root, decode) if fault is None else self._by_fault(answer, fault)

    def _by_fault(self, answer: HttpAnswer, fault: SoapFault | Fault) -> Attempt:
        """A fault that blames the request was not processed, of any other nobody can tell."""
        if isinstance(fault, Fault):
            return self.refused(answer, fault)
        return Attempt(
            node=answer.node,
            started=answer.started,
            ended=answer.ended,
            verdict=Verdict.PERMANENT if fault.ours else Verdict.AMBIGUOUS,
            status=answer.status,
            description="a SOAP fault",
            detail=fault,
        )
