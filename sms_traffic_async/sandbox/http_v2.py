"""HTTP API v2 of one node: who may ask, look-ups, the balance (document, "HTTP API v2").

Failures are HTTP 200 with ``success: false``, but for 401 (a bad key), 403 (no
permission), 429 (too many requests), 404, 405, 413 and 415. Nothing is said in
the document of 401, 405, 413, 415 and of the bodies of 403 and 429.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.http_breakage import JSON, retry_after_header
from sms_traffic_async.sandbox.http_call import Answer, Call
from sms_traffic_async.sandbox.http_v2_answers import failed, id_json
from sms_traffic_async.sandbox.http_v2_reading import BadBody, read_ids, read_statuses
from sms_traffic_async.sandbox.http_v2_reports import create_report, download_report
from sms_traffic_async.sandbox.http_v2_send import send
from sms_traffic_async.sandbox.life import FINAL
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.rates import Rate, RateWindow, retry_after
from sms_traffic_async.sandbox.refusals import INVALID_FORMAT, Refusal, refuse
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.statuses import DeliveryErrorCode

__all__ = ("V2Room",)

MOST_CHECKED = 5_000
REPORT_PREFIX = "/v2/report/"

_OPERATIONS: dict[str, tuple[str, str, str]] = {
    "/v2/send": ("send", "POST", "send"),
    "/v2/statuses/list": ("statuses", "POST", "statuses"),
    "/v2/statuses/checked": ("checked", "POST", "checked"),
    "/v2/account": ("account", "GET", "account"),
    "/v2/report": ("report", "POST", "report"),
}
"""Path: operation, method, and the permission it needs."""
_DOWNLOAD = ("download", "GET", "report")


class V2Room:
    """The v2 API of one node."""

    protocol = "v2"

    def __init__(self, platform: Platform, node: int) -> None:
        self._platform = platform
        self._node = node
        self._handlers: dict[str, Callable[[Call, Principal], Awaitable[Answer]]] = {
            "send": send,
            "statuses": self._statuses,
            "checked": self._checked,
            "account": self._account,
            "report": create_report,
            "download": download_report,
        }

    def operation(self, call: Call) -> str:
        """``send``, ``statuses``, ``checked``, ``account``, ``report``, ``download``, or empty."""
        path = call.path
        known = _OPERATIONS.get(path)
        if known is not None:
            return known[0]
        return "download" if path.startswith(REPORT_PREFIX) and "/" not in path[len(REPORT_PREFIX) :] else ""

    async def handle(self, call: Call) -> Answer:
        """Answer one request."""
        if not call.operation:
            call.finding(call.path, "is not a path of the document")
            return Answer(404, b'{"code":404,"description":"Not Found"}')
        _, method, permission = _OPERATIONS.get(call.path, _DOWNLOAD)
        if call.method != method:
            call.finding(call.path, f"is called with {call.method}; the document has {method}", refused=True)
            return Answer(405, b'{"code":405,"description":"Method Not Allowed"}', (*JSON, (b"allow", method.encode())))
        refused = self._admission(call, permission)
        if isinstance(refused, Answer):
            return refused
        if method == "POST" and not self._is_json(call):
            return failed(INVALID_FORMAT, 415)
        if call.query:
            call.finding("(query)", "v2 takes no query parameters, and nothing secret belongs into a URL")
        try:
            return await self._handlers[call.operation](call, refused)
        except BadBody:
            return failed(INVALID_FORMAT)

    def throttled(self, retry_after: str | None) -> Answer:
        """HTTP 429."""
        answer = failed(Refusal(429, "Too many requests"), 429)
        answer.headers = JSON + retry_after_header(retry_after)
        return answer

    def temporary(self, call: Call) -> Answer:
        """Code 1000; a report's creation has an envelope of its own."""
        if call.operation in {"report", "download"}:
            return Answer(200, orjson.dumps({"code": 1000, "description": refuse(1000).text}))
        return failed(refuse(1000))

    def _admission(self, call: Call, permission: str) -> Principal | Answer:
        scheme, _, key = call.header(b"authorization").partition(" ")
        principal = self._platform.accounts.by_key(key.strip()) if scheme.lower() == "bearer" else None
        if principal is None:
            call.finding("Authorization", "is missing or not 'Bearer <a key of this sandbox>'", refused=True)
            answer = failed(Refusal(401, "Unauthorized"), 401)
            answer.headers = (*JSON, (b"www-authenticate", b"Bearer"))
            return answer
        delay = self._over_rate(principal)
        if delay > 0:
            now = self._platform.clock.now()
            return self.throttled(retry_after(self._platform.switches.retry_after, delay, now))
        if principal.token is not None and permission not in principal.token.permissions:
            return failed(Refusal(403, "Access denied"), 200 if self._platform.switches.forbidden_as_body else 403)
        return principal

    def _over_rate(self, principal: Principal) -> float:
        switches, token = self._platform.switches, principal.token
        if token is None or (token.rate is None and switches.token_rate is None):
            return 0.0
        rate = token.rate or Rate.per_second(switches.token_rate or 1.0)
        window = token.windows.setdefault(self._node if switches.token_rate_per_node else 0, RateWindow())
        return window.take(rate, self._platform.clock.now())

    @staticmethod
    def _is_json(call: Call) -> bool:
        given = call.header(b"content-type")
        media, _, parameters = given.partition(";")
        if media.strip().lower() != "application/json":
            call.finding("Content-Type", "is not application/json, which a POST needs", refused=True)
            return False
        if parameters.strip() and parameters.strip().lower().replace('"', "") != "charset=utf-8":
            call.finding("Content-Type", "names another charset than UTF-8")
        return True

    async def _statuses(self, call: Call, principal: Principal) -> Answer:
        asked = read_statuses(call)
        await call.gate()
        store, switches = self._platform.store, self._platform.switches
        # By the id asked for: a part of v1 has an id of its own (U11).
        by_id = {one: message for one in asked.ids or () if (message := store.get(one)) is not None}
        by_label = {
            message.id: message for label in asked.tracking_data or () for message in store.by_tracking_data(label)
        }
        if switches.statuses_combine == "intersection" and asked.ids is not None and asked.tracking_data is not None:
            found = {key: message for key, message in by_id.items() if key in by_label}
        else:
            found = by_id | by_label
        extended = asked.extended or switches.status_extended_always
        rows = [
            self._status_row(key, message, extended=extended)
            for key, message in found.items()
            if self._platform.visible(message, node=self._node, protocol="v2", principal=principal)
        ]
        return Answer(200, orjson.dumps({"success": True, "data": rows}))

    def _status_row(self, key: str, message: StoredMessage, *, extended: bool) -> dict[str, Any]:
        row: dict[str, Any] = {"smsId": id_json(key, as_number=self._platform.switches.ids_as_numbers)}
        if message.tracking_data is not None:
            row["trackingData"] = message.tracking_data
        row["submissionDate"] = self._date(message.submitted_at)
        if message.sent_at is not None:
            row["sendDate"] = self._date(message.sent_at)
        if message.status_at is not None and message.status in FINAL:
            row["deliveryDate"] = self._date(message.status_at)
        row["status"] = message.status
        if extended and message.error:
            row["statusExtended"] = {
                "code": message.error,
                "description": DeliveryErrorCode(message.error).meaning,
            }
        if message.sent_at is not None:
            row["operatorId"] = message.operator.operator_id
            row["mcc"] = message.operator.mcc
            row["mnc"] = message.operator.mnc
        return row

    def _date(self, at: float) -> str:
        return self._platform.clock.datetime(at).isoformat(timespec="milliseconds")

    async def _checked(self, call: Call, principal: Principal) -> Answer:
        ids = read_ids(call, MOST_CHECKED)
        await call.gate()
        if not principal.may_check:
            return failed(Refusal(403, "Access denied"))
        updated: list[str] = []
        refused: list[dict[str, str]] = []
        for one in ids:
            message = self._platform.store.get(one)
            if message is None or not self._platform.visible(
                message, node=self._node, protocol="v2", principal=principal
            ):
                text = f"no such message or this message does not belong to you {one}"
                refused.append({"id": one, "error": text})
            else:
                self._platform.life.check(message)
                updated.append(one)
        return Answer(200, orjson.dumps({"success": True, "data": {"updated": updated, "failed": refused}}))

    async def _account(self, call: Call, principal: Principal) -> Answer:
        await call.gate()
        if call.body:
            call.finding("(body)", "is not taken by this operation")
        balance = f"{principal.account.balance:f}"
        return Answer(200, orjson.dumps({"success": True, "data": {"account": balance}}))
