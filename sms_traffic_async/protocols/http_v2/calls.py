"""One request of HTTP API v2 on its way: headers, one try, and a whole query under the retry policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, Unpack

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.attempts import KEYED_SEND, Attempt, CallRules, Verdict
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http.calls import HttpCalls
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.http_v2.failures import WORDING
from sms_traffic_async.settings import Settings

__all__ = ("V2Calls",)

T = TypeVar("T")

_CREDENTIAL_STATUSES = frozenset({401, 403})


class V2Calls(HttpCalls):
    """Everything that the calls of one v2 client share."""

    def __init__(self, settings: Settings, **shared: Unpack[Shared]) -> None:
        credentials = settings.credentials
        if credentials.api_key is None:
            raise ConfigurationError("HTTP API v2 needs api_key= (or SMS_TRAFFIC_API_KEY)")
        super().__init__(settings, **shared, credential=credentials.public_id or "", wording=WORDING)
        self.send_rules: CallRules = self.counted_per_node(KEYED_SEND)
        self._api_key = credentials.api_key

    def request(self, operation: str, method: str, path: str, content: bytes | None = None) -> HttpRequest:
        """A request with the headers that v2 wants."""
        headers = [("Authorization", f"Bearer {self._api_key.reveal()}"), ("Accept-Encoding", "identity")]
        if content is not None:
            headers.append(("Content-Type", "application/json"))
        return HttpRequest(method=method, path=path, operation=operation, headers=headers, content=content)

    def refused_before(self, node: str, operation: str, now: float) -> Attempt | None:
        """See ``HttpCalls``."""
        refused = self.pool.circuit.status(operation, now)
        if refused is None:
            return None
        return Attempt(
            node=node,
            started=now,
            ended=now,
            verdict=Verdict.PERMANENT,
            status=refused,
            description="refused before",
        )

    def learn(self, operation: str, attempt: Attempt) -> None:
        """See ``HttpCalls``."""
        if attempt.status in _CREDENTIAL_STATUSES:
            self.pool.circuit.refused(operation, attempt.status, attempt.ended)

    def judge(self, answer: HttpAnswer, decode: Callable[[bytes], T | Fault]) -> T | Fault | Attempt:
        """Status first, then the body; a body that is none is no answer."""
        refused = self.by_status(answer)
        if refused is not None:
            return refused
        try:
            return decode(answer.body)
        except Damaged as error:
            problem = str(error)
        return self.unreadable(answer, problem)

    async def query(
        self,
        request: HttpRequest,
        decode: Callable[[bytes], T | Fault],
        *,
        deadline: float,
        rules: CallRules | None = None,
    ) -> Finished[T]:
        """A call that sends nothing, repeated as often as it makes sense.

        Raises:
            RequestError: no result.
        """

        def read(answer: HttpAnswer) -> T | Attempt:
            result = self.judge(answer, decode)
            return self.refused(answer, result) if isinstance(result, Fault) else result

        return await self.ask(request, read, deadline=deadline, rules=rules)
