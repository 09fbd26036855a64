"""One request of SOAP on its way: the envelope with login and password, one try, and a whole query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.attempts import RESENDING_SEND, UNKEYED_SEND, Attempt, CallRules, Verdict
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http.calls import HttpCalls
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http_v1.calls import WORDING
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
from sms_traffic_async.protocols.xml import Element, read, read_slowly
from sms_traffic_async.settings import OnUnknown, Settings
from sms_traffic_async.settings_soap import SoapOptions
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Decode", "SoapCalls")

T = TypeVar("T")

_LOGIN_CODES = frozenset({401, 402, 411, 412})
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 401, 403, 429

Decode = Callable[[HttpAnswer, Element], T | Fault]
"""Says what an answer means; of the answer it needs the node at most."""


class SoapCalls(HttpCalls):
    """Everything that the calls of one SOAP client share.

    Args:
        settings: of the session, or of one view of it; its nodes are not used.
        options: the servers, and how SOAP is spoken.
        pool: the connections.
        nodes: health and budget of ``options.nodes``, by their names.
        pauses: what the platform closed for a while.
        clock: time, sleeping and chance.
        telemetry: counters and hooks.

    Raises:
        ConfigurationError: there is no login, or XML could not carry it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        options: SoapOptions,
        pool: HttpPool,
        nodes: NodeSet,
        pauses: Pauses,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        credentials = settings.credentials
        if credentials.login is None or credentials.password is None:
            raise ConfigurationError("SOAP needs login= and password= (or SMS_TRAFFIC_LOGIN and …_PASSWORD)")
        if not (carries(credentials.login) and carries(credentials.password.reveal())):
            raise ConfigurationError("login and password: XML has no place for some character of them")
        super().__init__(
            settings.with_changes(nodes=options.nodes),
            pool=pool,
            nodes=nodes,
            pauses=pauses,
            clock=clock,
            telemetry=telemetry,
            credential=f"login {credentials.login}",
            wording=WORDING,
        )
        self.options = options
        self._login = credentials.login
        self._password = credentials.password

    def send_rules(self, on_unknown: OnUnknown) -> CallRules:
        """What may be repeated of a send: SOAP has no key the platform would know a repeat by."""
        return self.counted_per_node(RESENDING_SEND if on_unknown == "resend" else UNKEYED_SEND)

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

    def refused_before(self, node: str, operation: str, now: float) -> Attempt | None:
        """See ``HttpCalls``. Shared with v1, as the login is."""
        refusal = self.pool.logins.refusal((self._login, self._password), operation, now)
        if refusal is None:
            return None
        status, code = refusal
        return Attempt(
            node=node,
            started=now,
            ended=now,
            verdict=Verdict.PERMANENT,
            status=status,
            code=code,
            description="refused before",
            detail=None if code is None else Fault(code=code),
        )

    def learn(self, operation: str, attempt: Attempt) -> None:
        """See ``HttpCalls``: the login is refused by a code in the body, or by a status."""
        login = (self._login, self._password)
        status, code = attempt.status, attempt.code
        if code in _LOGIN_CODES or status == _UNAUTHORIZED:
            self.pool.logins.refused(login, attempt.ended, status=status, code=code)
        elif status == _FORBIDDEN:
            self.pool.logins.refused(login, attempt.ended, operation=operation, status=status, code=code)

    def reader(self, decode: Decode[T]) -> Reader[T]:
        """What reads an answer whose body ``decode`` understands."""
        return Reader(self, decode)

    async def query(
        self,
        request: HttpRequest,
        decode: Decode[T],
        *,
        deadline: float,
        rules: CallRules | None = None,
        cap: int | None = None,
    ) -> Finished[T]:
        """A call that sends nothing, repeated as often as it makes sense.

        Raises:
            RequestError: no result.
        """
        reader = self.reader(decode)
        return await self.ask(
            request, reader.at_once, deadline=deadline, rules=rules, cap=cap, read_slowly=reader.slowly
        )

    def by_fault(self, answer: HttpAnswer, fault: SoapFault) -> Attempt:
        """A fault that blames the request was not processed, of any other nobody can tell."""
        return Attempt(
            node=answer.node,
            started=answer.started,
            ended=answer.ended,
            verdict=Verdict.PERMANENT if fault.ours else Verdict.AMBIGUOUS,
            status=answer.status,
            description="a SOAP fault",
            detail=fault,
        )


class Reader(Generic[T]):
    """Reads answers: the status, unless a fault comes with it, then what the envelope says."""

    __slots__ = ("_calls", "_decode")

    def __init__(self, calls: SoapCalls, decode: Decode[T]) -> None:
        self._calls = calls
        self._decode = decode

    def at_once(self, answer: HttpAnswer) -> T | Attempt:
        """An answer of usual length."""
        refused = self._by_status(answer)
        if refused is not None:
            return refused
        try:
            return self._said(answer, read(answer.body, answer.headers.get("content-type")))
        except Damaged as error:
            problem = str(error)
        return self._calls.unreadable(answer, problem)

    async def slowly(self, answer: HttpAnswer) -> T | Attempt:
        """A long one, letting the loop run in between."""
        refused = self._by_status(answer)
        if refused is not None:
            return refused
        try:
            return self._said(answer, await read_slowly(answer.body, answer.headers.get("content-type")))
        except Damaged as error:
            problem = str(error)
        return self._calls.unreadable(answer, problem)

    def _by_status(self, answer: HttpAnswer) -> Attempt | None:
        by_status = self._calls.by_status(answer)
        if by_status is None or answer.status in {_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY}:
            return by_status
        # Faults come with 500, in SOAP 1.2 those that blame the request with 400.
        try:
            fault = read_fault(read(answer.body, answer.headers.get("content-type")))
        except Damaged:
            return by_status
        if fault is None:
            return by_status
        return self._fault(answer, fault)

    def _fault(self, answer: HttpAnswer, fault: SoapFault | Fault) -> Attempt:
        calls = self._calls
        return calls.refused(answer, fault) if isinstance(fault, Fault) else calls.by_fault(answer, fault)

    def _said(self, answer: HttpAnswer, root: Element) -> T | Attempt:
        fault = read_fault(root)
        if fault is not None:
            return self._fault(answer, fault)
        result = self._decode(answer, root)
        return self._calls.refused(answer, result) if isinstance(result, Fault) else result
