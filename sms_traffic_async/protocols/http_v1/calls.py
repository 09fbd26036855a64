"""One request of HTTP API v1 on its way: the form with login and password, one try, and a whole query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from sms_traffic_async.protocols.http.failures import Wording
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http_v1.form import Charset, carries, encode_form
from sms_traffic_async.protocols.xml import Element, read, read_slowly
from sms_traffic_async.settings import OnUnknown, Settings
from sms_traffic_async.telemetry import Telemetry

__all__ = ("LISTS", "MULTI", "WORDING", "Decode", "V1Calls")

T = TypeVar("T")

MULTI, LISTS = "/multi.php", "/list.php"
WORDING = Wording(
    refused="login or password was not accepted",
    forbidden="the login may not do this",
    refused_advice="Check the login and the password with your manager; do not go on trying.",
    forbidden_advice="Have it allowed for the login in the cabinet.",
)

_LOGIN_CODES = frozenset({401, 402, 411, 412})
_UNAUTHORIZED, _FORBIDDEN = 401, 403

Decode = Callable[[HttpAnswer, Element], T | Fault]
"""Says what an answer means; of the answer it needs the node at most."""


class V1Calls(HttpCalls):
    """Everything that the calls of one v1 client share.

    Raises:
        ConfigurationError: there is no login, or no form of v1 could carry it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pool: HttpPool,
        nodes: NodeSet,
        pauses: Pauses,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        credentials = settings.credentials
        if credentials.login is None or credentials.password is None:
            raise ConfigurationError("HTTP API v1 needs login= and password= (or SMS_TRAFFIC_LOGIN and …_PASSWORD)")
        for name, value in (("login", credentials.login), ("password", credentials.password.reveal())):
            fits = carries("cp1251", value)
            del value
            if not fits:
                raise ConfigurationError(f"{name}: v1 can carry characters of windows-1251 only")
        super().__init__(
            settings,
            pool=pool,
            nodes=nodes,
            pauses=pauses,
            clock=clock,
            telemetry=telemetry,
            credential=f"login {credentials.login}",
            wording=WORDING,
        )
        self._login = credentials.login
        self._password = credentials.password

    def send_rules(self, on_unknown: OnUnknown) -> CallRules:
        """What may be repeated of a send: v1 has no key the platform would know a repeat by."""
        return self.counted_per_node(RESENDING_SEND if on_unknown == "resend" else UNKEYED_SEND)

    def request(
        self, operation: str, path: str, pairs: Iterable[tuple[str, str]], charset: Charset = "cp1251"
    ) -> HttpRequest:
        """A form with login and password in front; neither is ever part of a URL."""
        own = (("login", self._login), ("password", self._password.reveal()))
        headers = (
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        )
        content = encode_form((*own, *pairs), charset)
        return HttpRequest(method="POST", path=path, operation=operation, headers=headers, content=content)

    def refused_before(self, node: str, operation: str, now: float) -> Attempt | None:
        """See ``HttpCalls``."""
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


class Reader(Generic[T]):
    """Reads answers: the status, then the XML, then what it says."""

    __slots__ = ("_calls", "_decode")

    def __init__(self, calls: HttpCalls, decode: Decode[T]) -> None:
        self._calls = calls
        self._decode = decode

    def at_once(self, answer: HttpAnswer) -> T | Attempt:
        """An answer of usual length."""
        refused = self._calls.by_status(answer)
        if refused is not None:
            return refused
        try:
            root = read(answer.body, answer.headers.get("content-type"))
            return self._said(answer, root)
        except Damaged as error:
            problem = str(error)
        return self._calls.unreadable(answer, problem)

    async def slowly(self, answer: HttpAnswer) -> T | Attempt:
        """A long one, letting the loop run in between."""
        refused = self._calls.by_status(answer)
        if refused is not None:
            return refused
        try:
            root = await read_slowly(answer.body, answer.headers.get("content-type"))
            return self._said(answer, root)
        except Damaged as error:
            problem = str(error)
        return self._calls.unreadable(answer, problem)

    def _said(self, answer: HttpAnswer, root: Element) -> T | Attempt:
        result = self._decode(answer, root)
        return self._calls.refused(answer, result) if isinstance(result, Fault) else result
