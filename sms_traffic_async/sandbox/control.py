"""The control API: everything a test or a page does to the sandbox, as JSON under ``/_sandbox/`` of node 1.

Only for this machine: `Guard` refuses other Host and Origin headers, and a body
that is not ``application/json`` (which a foreign page could post without asking).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import control_json as shown
from sms_traffic_async.sandbox.account_values import change_account
from sms_traffic_async.sandbox.clock import ClockStopped
from sms_traffic_async.sandbox.control_answers import NO_STORE, answer, body_of
from sms_traffic_async.sandbox.control_live import PREFIX, live_routes
from sms_traffic_async.sandbox.effects import EFFECTS, suits
from sms_traffic_async.sandbox.faults import PROFILES
from sms_traffic_async.sandbox.life import Pace
from sms_traffic_async.sandbox.live import Live
from sms_traffic_async.sandbox.outcomes import NumberOutcome
from sms_traffic_async.sandbox.pushes_control import push_routes
from sms_traffic_async.sandbox.reading import analysis_of
from sms_traffic_async.sandbox.search import matcher
from sms_traffic_async.sandbox.smpp_control import smpp_routes
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.sandbox.waiting import wait_for_message

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("PREFIX", "control_app")

MOST_SHOWN = 1_000
LONGEST_WAIT = 60.0
EXPORTED_AT_ONCE = 200
STRUCK = ("v2", "v1", "soap", "smpp", "smtp", "push")


def control_app(sandbox: Sandbox) -> Starlette:
    """The ASGI application; paths begin with `PREFIX`."""
    control = _Control(sandbox, Live(sandbox.platform))
    routes = [
        Route(PREFIX + path, endpoint, methods=[method])
        for method, path, endpoint in (
            ("GET", "health", control.health),
            ("POST", "reset", control.reset),
            ("GET", "messages", control.messages),
            ("GET", "messages.jsonl", control.export),
            ("GET", "messages/wait", control.wait),
            ("GET", "messages/{id}", control.message),
            ("GET", "accepted", control.accepted),
            ("GET", "findings", control.findings),
            ("DELETE", "findings", control.clear_findings),
            ("GET", "faults", control.faults),
            ("POST", "faults", control.add_fault),
            ("DELETE", "faults", control.clear_faults),
            ("PUT", "faults/profile", control.profile),
            ("DELETE", "faults/{name:path}", control.remove_fault),
            ("GET", "clock", control.clock),
            ("POST", "clock/advance", control.advance),
            ("GET", "switches", control.switches),
            ("PATCH", "switches", control.change_switches),
            ("GET", "pace", control.pace),
            ("PATCH", "pace", control.change_pace),
            ("GET", "outcomes", control.outcomes),
            ("POST", "outcomes", control.add_outcome),
            ("DELETE", "outcomes", control.reset_outcomes),
            ("GET", "accounts", control.accounts),
            ("PATCH", "accounts/{login}", control.change_account),
            *live_routes(sandbox, control.live),
            *push_routes(sandbox, control.live),
            *smpp_routes(sandbox),
        )
    ]
    return Starlette(routes=routes, exception_handlers=_HANDLERS)


async def _closing(_request: Request, _error: Exception) -> Response:
    return answer({"error": "the sandbox is closing"}, 503)


async def _bad_request(_request: Request, error: Exception) -> Response:
    return answer({"error": str(error)}, 400)


async def _refused(_request: Request, error: Exception) -> Response:
    """No such path, or not this method: in JSON as everything here."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return Response(orjson.dumps({"error": error.detail}), error.status_code, error.headers, "application/json")


_HANDLERS = {ConfigurationError: _bad_request, ClockStopped: _closing, HTTPException: _refused}


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ConfigurationError(f"{name} is a number from 0 to {most:g}")
    return value


@dataclass(frozen=True, slots=True)
class _Control:
    sandbox: Sandbox
    live: Live

    async def health(self, _request: Request) -> Response:
        sandbox = self.sandbox
        return answer(
            {
                "status": "ok",
                "nodes": sandbox.urls,
                "now": sandbox.clock.datetime().isoformat(timespec="milliseconds"),
                "messages": sandbox.platform.store.total,
                "accepted": sandbox.accepted.total,
                "findings": sandbox.findings.total,
                "faults": [rule.name for rule in sandbox.faults],
            }
        )

    async def reset(self, _request: Request) -> Response:
        self.sandbox.reset()
        self.live.say("reset")
        return answer({"status": "ok"})

    async def messages(self, request: Request) -> Response:
        matches = matcher(request.query_params.get("q", ""))
        limit = int(_number(request, "limit", 50, MOST_SHOWN))
        offset = int(_number(request, "offset", 0, 1e9))
        found = [message for message in reversed(self.sandbox.messages) if matches(message)]
        page = found[offset : offset + limit]
        return answer({"total": len(found), "messages": [shown.message_json(one, self.sandbox.clock) for one in page]})

    async def export(self, request: Request) -> Response:
        matches = matcher(request.query_params.get("q", ""))
        found = [message for message in self.sandbox.messages if matches(message)]
        headers = NO_STORE | {"content-disposition": 'attachment; filename="messages.jsonl"'}
        return StreamingResponse(self._lines(found), headers=headers, media_type="application/jsonl")

    async def _lines(self, messages: list[StoredMessage]) -> AsyncIterator[bytes]:
        for start in range(0, len(messages), EXPORTED_AT_ONCE):
            piece = messages[start : start + EXPORTED_AT_ONCE]
            yield b"".join(orjson.dumps(shown.message_json(one, self.sandbox.clock)) + b"\n" for one in piece)

    async def message(self, request: Request) -> Response:
        store = self.sandbox.platform.store
        message = store.get(request.path_params["id"])
        if message is None:
            return answer({"error": "no such message"}, 404)
        exchange = store.exchange(message.request_id)
        value = shown.message_json(message, self.sandbox.clock)
        value["exchange"] = None if exchange is None else shown.exchange_json(exchange)
        value["analysis"] = analysis_of(message)
        return answer(value)

    async def wait(self, request: Request) -> Response:
        matches = matcher(request.query_params.get("q", ""))
        seconds = _number(request, "timeout", 5.0, LONGEST_WAIT)
        message = await wait_for_message(self.sandbox.platform, matches, seconds)
        clock = self.sandbox.clock
        if message is not None:
            return answer({"message": shown.message_json(message, clock)})
        newest = self.sandbox.messages[-5:]
        # Who waited in vain sees what did come.
        return answer({"message": None, "newest": [shown.message_json(one, clock) for one in newest]})

    async def accepted(self, request: Request) -> Response:
        label = request.query_params.get("tracking_data")
        limit = int(_number(request, "limit", MOST_SHOWN, 1e6))
        entries = [entry for entry in self.sandbox.accepted if label is None or entry.tracking_data == label]
        newest = entries[-limit:] if limit else []
        return answer(
            {"total": len(entries), "entries": [shown.accept_json(one, self.sandbox.clock) for one in newest]}
        )

    async def findings(self, _request: Request) -> Response:
        findings = self.sandbox.findings
        return answer(
            {"total": findings.total, "findings": [shown.finding_json(one, self.sandbox.clock) for one in findings]}
        )

    async def clear_findings(self, _request: Request) -> Response:
        self.sandbox.findings.clear()
        return answer({"status": "ok"})

    async def faults(self, _request: Request) -> Response:
        faults = self.sandbox.faults
        return answer(
            {
                "rules": [shown.rule_json(rule) for rule in faults],
                "profiles": list(PROFILES),
                "effects": sorted(EFFECTS),
                "suits": {name: [kind for kind in sorted(EFFECTS) if suits(kind, name)] for name in STRUCK},
                "injected": faults.injected,
                "log": [shown.record_json(one, self.sandbox.clock) for one in list(faults.log)[-MOST_SHOWN:]],
            }
        )

    async def add_fault(self, request: Request) -> Response:
        body = await body_of(request)
        seed = body.pop("seed", 0)
        rule = self.sandbox.faults.add(shown.rule_from(body), seed=seed)
        self.live.say("faults")
        return answer(shown.rule_json(rule), 201)

    async def clear_faults(self, _request: Request) -> Response:
        self.sandbox.faults.clear()
        self.live.say("faults")
        return answer({"status": "ok"})

    async def remove_fault(self, request: Request) -> Response:
        removed = self.sandbox.faults.remove(str(request.path_params["name"]))
        self.live.say("faults")
        return answer({"removed": removed}, 200 if removed else 404)

    async def profile(self, request: Request) -> Response:
        body = await body_of(request)
        self.sandbox.faults.profile(str(body.get("name", "")), body.get("seed", 0))
        self.live.say("faults")
        return answer({"rules": [shown.rule_json(rule) for rule in self.sandbox.faults]})

    async def clock(self, _request: Request) -> Response:
        return answer({"now": self.sandbox.clock.datetime().isoformat(timespec="milliseconds")})

    async def advance(self, request: Request) -> Response:
        by = (await body_of(request)).get("by")
        if isinstance(by, bool) or not isinstance(by, (str, int, float)):
            raise ConfigurationError("by is seconds or such as '2h'")
        await self.sandbox.advance(by)
        self.live.say("clock")
        return await self.clock(request)

    async def switches(self, _request: Request) -> Response:
        return answer(asdict(self.sandbox.switches))

    async def change_switches(self, request: Request) -> Response:
        self.sandbox.switches = self.sandbox.switches.changed(await body_of(request))
        return await self.switches(request)

    async def pace(self, _request: Request) -> Response:
        return answer(asdict(self.sandbox.pace))

    async def change_pace(self, request: Request) -> Response:
        body = await body_of(request)
        if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in body.values()):
            raise ConfigurationError("a pace is numbers of seconds")
        self.sandbox.pace = shown.made(Pace, asdict(self.sandbox.pace) | body)
        return await self.pace(request)

    async def outcomes(self, _request: Request) -> Response:
        return answer({"outcomes": [asdict(one) for one in self.sandbox.outcomes]})

    async def add_outcome(self, request: Request) -> Response:
        self.sandbox.outcomes.add(shown.made(NumberOutcome, await body_of(request)))
        self.live.say("outcomes")
        return await self.outcomes(request)

    async def reset_outcomes(self, request: Request) -> Response:
        self.sandbox.outcomes.reset()
        return await self.outcomes(request)

    async def accounts(self, _request: Request) -> Response:
        accounts = self.sandbox.accounts
        return answer({"accounts": [shown.account_json(one, accounts.tokens_of(one.login)) for one in accounts]})

    async def change_account(self, request: Request) -> Response:
        body, accounts = await body_of(request), self.sandbox.accounts
        try:
            account = accounts.get(str(request.path_params["login"]))
        except KeyError:
            return answer({"error": "no such account"}, 404)
        change_account(account, body)
        self.live.say("accounts")
        return await self.accounts(request)
