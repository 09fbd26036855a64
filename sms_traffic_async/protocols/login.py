"""Calls of the protocols that put login and password into the body and are answered in XML: v1 and SOAP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, Unpack

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.attempts import RESENDING_SEND, UNKEYED_SEND, Attempt, CallRules, Verdict
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http.calls import HttpCalls
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.failures import Wording
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.xml import Element, read, read_slowly
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, OnUnknown, Settings

__all__ = ("WORDING", "Decode", "LoginCalls", "login_of")

T = TypeVar("T")

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


def login_of(credentials: Credentials, protocol: str) -> tuple[str, Secret]:
    """Login and password.

    Raises:
        ConfigurationError: there are none, and the protocol wants them.
    """
    if credentials.login is None or credentials.password is None:
        raise ConfigurationError(f"{protocol} needs login= and password= (or SMS_TRAFFIC_LOGIN and …_PASSWORD)")
    return credentials.login, credentials.password


class LoginCalls(HttpCalls):
    """Everything that the calls of one client share.

    Args:
        settings: of the session, or of one view of it.
        protocol: what an error calls it.
        carries: whether a request can hold a string.
        uncarried: what is said of one that it cannot hold.
        **shared: see ``Shared``.

    Raises:
        ConfigurationError: there is no login, or no request could hold it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        protocol: str,
        carries: Callable[[str], bool],
        uncarried: str,
        **shared: Unpack[Shared],
    ) -> None:
        self._login, self._password = login_of(settings.credentials, protocol)
        for name, fits in (("login", carries(self._login)), ("password", carries(self._password.reveal()))):
            if not fits:
                raise ConfigurationError(f"{name}: {uncarried}")
        super().__init__(settings, **shared, credential=f"login {self._login}", wording=WORDING)

    def send_rules(self, on_unknown: OnUnknown) -> CallRules:
        """What may be repeated of a send: there is no key the platform would know a repeat by."""
        return self.counted_per_node(RESENDING_SEND if on_unknown == "resend" else UNKEYED_SEND)

    def refused_before(self, node: str, operation: str, now: float) -> Attempt | None:
        """See ``HttpCalls``. One memory for all protocols, as the login is."""
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

    def judge(self, answer: HttpAnswer, root: Element, decode: Decode[T]) -> T | Attempt:
        """What a body that could be read says.

        Raises:
            Damaged: it is not an answer to this call.
        """
        result = decode(answer, root)
        return self.refused(answer, result) if isinstance(result, Fault) else result

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

    def __init__(self, calls: LoginCalls, decode: Decode[T]) -> None:
        self._calls = calls
        self._decode = decode

    def at_once(self, answer: HttpAnswer) -> T | Attempt:
        """An answer of usual length."""
        refused = self._calls.by_status(answer)
        if refused is not None:
            return refused
        try:
            root = read(answer.body, answer.headers.get("content-type"))
            return self._calls.judge(answer, root, self._decode)
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
            return self._calls.judge(answer, root, self._decode)
        except Damaged as error:
            problem = str(error)
        return self._calls.unreadable(answer, problem)
