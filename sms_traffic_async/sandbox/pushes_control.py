"""Pushes and inbound messages in the control API: settings, the log, resending, messages of subscribers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accounts import Account
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.control_answers import Endpoint, answer, body_of
from sms_traffic_async.sandbox.control_json import message_json, moment_json
from sms_traffic_async.sandbox.live import Live
from sms_traffic_async.sandbox.masking import mask_url
from sms_traffic_async.sandbox.pushes_log import PushAttempt, PushCall
from sms_traffic_async.sandbox.pushes_values import changed, settings_json
from sms_traffic_async.sandbox.pushes_wire import HttpPush
from sms_traffic_async.sandbox.store import StoredMessage

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("call_json", "push_routes")

MOST_SHOWN = 1_000


def call_json(call: PushCall, clock: SandboxClock, *, whole: bool = False) -> dict[str, Any]:
    """A call with its attempts.

    Args:
        call: the call.
        clock: for its dates.
        whole: with what is sent and answered.
    """
    parcel = call.parcel
    value: dict[str, Any] = {
        "id": call.id,
        "kind": call.kind,
        "login": call.login,
        "state": call.state,
        "message_ids": call.message_ids,
        "created_at": moment_json(clock, call.created_at),
        "next_at": moment_json(clock, call.next_at),
        "attempts": [_attempt(one, clock, whole=whole) for one in call.attempts],
    }
    if isinstance(parcel, HttpPush):
        value |= {"method": parcel.method, "url": mask_url(parcel.url)}
    else:
        value |= {"method": "SMTP", "url": "{}:{}".format(*parcel.server)}
    if whole:
        headers = parcel.headers if isinstance(parcel, HttpPush) else (("To", parcel.to),)
        value |= {"headers": headers, "body": parcel.body.decode("utf-8", "replace")}
    return value


def _attempt(attempt: PushAttempt, clock: SandboxClock, *, whole: bool) -> dict[str, Any]:
    value: dict[str, Any] = {
        "at": moment_json(clock, attempt.at),
        "seconds": round(attempt.seconds, 4),
        "status": attempt.status,
        "error": attempt.error,
        "by_hand": attempt.by_hand,
    }
    if whole:
        value["answer"] = attempt.answer[:4096].decode("utf-8", "replace")
    return value


def push_routes(sandbox: Sandbox, live: Live) -> list[tuple[str, str, Endpoint]]:
    """Method, path and endpoint of each."""
    routes = _Routes(sandbox, live)
    return [
        ("GET", "pushes", routes.calls),
        ("POST", "pushes", routes.push),
        ("GET", "pushes/{id}", routes.call),
        ("POST", "pushes/{id}/resend", routes.resend),
        ("GET", "accounts/{login}/pushes", routes.settings),
        ("PATCH", "accounts/{login}/pushes", routes.change),
        ("POST", "inbound", routes.inbound),
    ]


class _Routes:
    def __init__(self, sandbox: Sandbox, live: Live) -> None:
        self._sandbox = sandbox
        self._live = live
        sandbox.pushes.listeners.append(lambda _call: live.say("pushes"))

    async def calls(self, request: Request) -> Response:
        pushes, clock = self._sandbox.pushes, self._sandbox.clock
        wanted = request.query_params.get("message")
        found = [call for call in pushes.log if wanted is None or wanted in call.message_ids]
        newest = [call_json(call, clock) for call in reversed(found[-MOST_SHOWN:])]
        return answer({"total": pushes.log.total, "stats": asdict(pushes.stats), "calls": newest})

    async def call(self, request: Request) -> Response:
        call = self._sandbox.pushes.log.get(str(request.path_params["id"]))
        if call is None:
            return answer({"error": "no such call"}, 404)
        return answer(call_json(call, self._sandbox.clock, whole=True))

    async def resend(self, request: Request) -> Response:
        if self._sandbox.pushes.log.get(str(request.path_params["id"])) is None:
            return answer({"error": "no such call"}, 404)
        call = self._sandbox.pushes.resend(str(request.path_params["id"]))
        await self._sandbox.pushes.quiet()
        return answer(call_json(call, self._sandbox.clock, whole=True))

    async def push(self, request: Request) -> Response:
        """Tell a status now: of a message by its id, or of the newest one that was sent."""
        body = await body_of(request)
        status = body.pop("status", None)
        message = self._message(body.pop("id", None))
        if body or not isinstance(status, str | None):
            raise ConfigurationError("a push has an id, a status (a string), and nothing else")
        if message is None:
            return answer({"error": "no such message"}, 404)
        call = self._sandbox.pushes.push(message, status=status)
        await self._sandbox.pushes.quiet()
        return answer(call_json(call, self._sandbox.clock, whole=True), 201)

    def _message(self, message_id: object) -> StoredMessage | None:
        if message_id is not None:
            return self._sandbox.platform.store.get(str(message_id))
        sent = (one for one in reversed(self._sandbox.messages) if one.direction == "mt")
        return next(sent, None)

    async def settings(self, request: Request) -> Response:
        account = self._account(request)
        return answer({"error": "no such account"}, 404) if account is None else answer(settings_json(account))

    async def change(self, request: Request) -> Response:
        account, body = self._account(request), await body_of(request)
        if account is None:
            return answer({"error": "no such account"}, 404)
        unknown = body.keys() - {"statuses", "inbound"}
        if unknown:
            raise ConfigurationError(f"there is no {min(unknown)!r} here; there are statuses and inbound")
        statuses = changed(account.pushes, body.get("statuses", {}))
        account.inbound = changed(account.inbound, body.get("inbound", {}))
        account.pushes = statuses
        self._sandbox.pushes.recover(account.login)
        self._live.say("accounts")
        return answer(settings_json(account))

    def _account(self, request: Request) -> Account | None:
        try:
            return self._sandbox.accounts.get(str(request.path_params["login"]))
        except KeyError:
            return None

    async def inbound(self, request: Request) -> Response:
        """A subscriber writes; it goes out by every way that is set."""
        body = await body_of(request)
        login, node = body.pop("login", ""), body.pop("node", 1)
        values = [body.get(name) for name in ("from", "to", "text")]
        if not all(isinstance(value, str) and value for value in values) or len(body) != len(values):
            raise ConfigurationError("an inbound message has from, to and text (and login, and node), and nothing else")
        if not isinstance(login, str) or isinstance(node, bool) or node not in {1, 2}:
            raise ConfigurationError("login is a string, and node is 1 or 2")
        sender, recipient, text = map(str, values)
        message = self._sandbox.platform.inbound(sender=sender, recipient=recipient, text=text, login=login, node=node)
        return answer(message_json(message, self._sandbox.clock), 201)
