"""The control API's own description, OpenAPI 3.1, at ``/_sandbox/openapi.json``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final, NamedTuple

from sms_traffic_async._version import __version__
from sms_traffic_async.sandbox.effects import EFFECTS
from sms_traffic_async.sandbox.faults import PROFILES
from sms_traffic_async.sandbox.life import Pace
from sms_traffic_async.sandbox.outcomes import COURSES

__all__ = ("OPERATIONS", "Operation", "openapi")

TEXT: Final[dict[str, Any]] = {"type": "string"}
COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
SECONDS: Final[dict[str, Any]] = {"type": "number", "minimum": 0}
MOMENT: Final[dict[str, Any]] = {"type": ["string", "null"], "format": "date-time"}
QUERY: Final[dict[str, Any]] = {"type": "string", "description": "As on the page: `to:7916 text:code is:sent -via:v1`"}
_QUERY_BOUND: Final = 1_000_000


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _object(required: tuple[str, ...] = (), *, closed: bool = True, **properties: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        value["required"] = list(required)
    if closed:
        value["additionalProperties"] = False
    return value


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


class Operation(NamedTuple):
    """One entry of the API.

    Attributes:
        summary: what it does.
        answer: the schema of a success.
        query: parameters and their schemas.
        body: the schema of the request body, if it has one.
        status: of a success.
        missing: it can answer 404.
    """

    summary: str
    answer: dict[str, Any]
    query: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - never changed
    body: dict[str, Any] | None = None
    status: int = 200
    missing: bool = False


_OK: Final = _object(("status",), status=TEXT)
_RULE: Final = _object(
    ("effect",),
    effect={
        "anyOf": [
            {"type": "string", "enum": sorted(EFFECTS)},
            _object(("kind",), closed=False, kind={"type": "string", "enum": sorted(EFFECTS)}),
        ]
    },
    protocol={"type": ["string", "null"]},
    node={"enum": [1, 2, None]},
    operation={"type": ["string", "null"]},
    nth={"type": ["integer", "null"], "minimum": 1},
    every={"type": ["integer", "null"], "minimum": 1},
    probability={"type": "number", "minimum": 0, "maximum": 1},
    times={"type": ["integer", "null"], "minimum": 1},
    name=TEXT,
)
_MESSAGES: Final = _object(("total", "messages"), total=COUNT, messages=_list(_ref("Message")))
_RULES: Final = _object(("rules",), closed=False, rules=_list(_ref("Rule")))
_OUTCOMES: Final = _object(("outcomes",), outcomes=_list(_object(closed=False, suffix=TEXT, course=TEXT)))
_ACCOUNTS: Final = _object(("accounts",), accounts=_list(_object(closed=False, login=TEXT, balance=TEXT)))
_NOW: Final = _object(("now",), now=MOMENT)
_ANYTHING: Final = _object(closed=False)
_LIMIT: Final = COUNT | {"maximum": 1000}

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "health"): Operation("Whether it runs, and how much it has seen", _object(("status",), closed=False)),
    ("POST", "reset"): Operation("Forget messages, logs and faults", _OK, body=_object()),
    ("GET", "messages"): Operation(
        "The newest messages, newest first",
        _MESSAGES,
        {"q": QUERY, "limit": _LIMIT, "offset": COUNT | {"maximum": _QUERY_BOUND}},
    ),
    ("GET", "messages.jsonl"): Operation(
        "The messages of a search as JSON Lines (application/jsonl), oldest first", _ANYTHING, {"q": QUERY}
    ),
    ("GET", "messages/wait"): Operation(
        "The first message that a search finds, now or as soon as it comes (a long poll)",
        _object(("message",), message={"anyOf": [_ref("Message"), {"type": "null"}]}, newest=_list(_ref("Message"))),
        {"q": QUERY, "timeout": SECONDS | {"maximum": 60}},
    ),
    ("GET", "messages/{id}"): Operation(
        "One message, its parts and its request on the wire", _ref("Message"), missing=True
    ),
    ("GET", "codes/{number}"): Operation(
        "The newest one-time code sent to a number",
        _object(("code",), code=TEXT, message=_ref("Message")),
        missing=True,
    ),
    ("POST", "inbound"): Operation(
        "A subscriber writes to one of the account's numbers; it goes out by every way that is set",
        _ref("Message"),
        body=_object(
            ("from", "to", "text"),
            closed=True,
            login=TEXT,
            node={"enum": [1, 2]},
            **{"from": TEXT, "to": TEXT, "text": TEXT},
        ),
        status=201,
    ),
    ("GET", "pushes"): Operation(
        "Calls to your own server, newest first, with every attempt",
        _object(("total", "stats", "calls"), total=COUNT, stats=_ANYTHING, calls=_list(_ANYTHING)),
        {"message": TEXT},
    ),
    ("POST", "pushes"): Operation(
        "Push a status now: of the message of an id, or of the newest one",
        _ANYTHING,
        body=_object(id=TEXT, status=TEXT),
        status=201,
        missing=True,
    ),
    ("GET", "pushes/{id}"): Operation("One call, with what was sent and answered", _ANYTHING, missing=True),
    ("POST", "pushes/{id}/resend"): Operation("Make a call once more", _ANYTHING, body=_object(), missing=True),
    ("GET", "accounts/{login}/pushes"): Operation(
        "Where an account wants its statuses and inbound messages", _ANYTHING, missing=True
    ),
    ("PATCH", "accounts/{login}/pushes"): Operation(
        "Change where", _ANYTHING, body=_object(statuses=_ANYTHING, inbound=_ANYTHING), missing=True
    ),
    ("GET", "smpp"): Operation("Who is bound, and what waits for them", _ANYTHING),
    ("POST", "smpp/unbind"): Operation(
        "Unbind everybody, or those of a node", _ANYTHING, body=_object(node={"enum": [1, 2]})
    ),
    ("POST", "smpp/drop"): Operation(
        "Cut their connections", _ANYTHING, body=_object(node={"enum": [1, 2]}, how={"enum": ["fin", "rst"]})
    ),
    ("GET", "accepted"): Operation(
        "The accept log: what was really taken",
        _object(("total", "entries"), total=COUNT, entries=_list(_ANYTHING)),
        {"tracking_data": TEXT, "limit": COUNT | {"maximum": _QUERY_BOUND}},
    ),
    ("GET", "findings"): Operation(
        "What requests had wrong", _object(("total", "findings"), total=COUNT, findings=_list(_ANYTHING))
    ),
    ("DELETE", "findings"): Operation("Forget the findings", _OK),
    ("GET", "faults"): Operation("The rules in use, the profiles there are, and what was injected", _RULES),
    ("POST", "faults"): Operation(
        "Use a rule from now on",
        _ref("Rule"),
        body=_RULE | {"properties": _RULE["properties"] | {"seed": {"type": ["integer", "string"]}}},
        status=201,
    ),
    ("DELETE", "faults"): Operation("Remove every rule", _OK),
    ("PUT", "faults/profile"): Operation(
        "Use a named set of rules",
        _RULES,
        body=_object(
            ("name",), name={"type": "string", "enum": sorted(PROFILES)}, seed={"type": ["integer", "string"]}
        ),
    ),
    ("DELETE", "faults/{name}"): Operation(
        "Remove the rules of a name", _object(("removed",), removed=COUNT), missing=True
    ),
    ("GET", "clock"): Operation("The sandbox's time", _NOW),
    ("POST", "clock/advance"): Operation(
        "Move the clock; what is due happens before the answer",
        _NOW,
        body=_object(("by",), by={"anyOf": [SECONDS, {"type": "string", "examples": ["2h", "1h30m", "500ms"]}]}),
    ),
    ("GET", "switches"): Operation("How open questions of the document are answered", _ANYTHING),
    ("PATCH", "switches"): Operation("Answer some of them otherwise", _ANYTHING, body=_ANYTHING),
    ("GET", "pace"): Operation("Seconds of each step of a message", _ANYTHING),
    ("PATCH", "pace"): Operation(
        "Change some of them", _ANYTHING, body=_object() | {"properties": {one.name: SECONDS for one in fields(Pace)}}
    ),
    ("GET", "outcomes"): Operation("What becomes of which numbers", _OUTCOMES),
    ("POST", "outcomes"): Operation(
        "Add a rule; the longest suffix wins",
        _OUTCOMES,
        body=_object(
            ("suffix", "course"),
            suffix={"type": "string", "pattern": "^[0-9]{1,15}$"},
            course={"type": "string", "enum": sorted(COURSES)},
            code=COUNT,
            note=TEXT,
        ),
    ),
    ("DELETE", "outcomes"): Operation("Back to the table of the documentation", _OUTCOMES),
    ("GET", "accounts"): Operation("Accounts, without their secrets", _ACCOUNTS),
    ("PATCH", "accounts/{login}"): Operation("Change an account's settings", _ACCOUNTS, body=_ANYTHING, missing=True),
    ("GET", "events"): Operation("A stream of changes (text/event-stream)", _ANYTHING, {"since": COUNT}),
    ("GET", "connect"): Operation("The variables and addresses that lead here", _ANYTHING),
    ("GET", "openapi.json"): Operation("This document", _ANYTHING),
}
"""Method and path below ``/_sandbox/``. A test holds this and the routes together."""

_MESSAGE: Final = _object(
    ("id", "direction", "protocol", "node", "to", "from", "text", "status", "history"),
    closed=False,
    id=TEXT,
    part_ids=_list(TEXT),
    direction={"enum": ["mt", "mo"]},
    protocol=TEXT,
    node={"enum": [1, 2]},
    to=TEXT,
    text=TEXT,
    encoding=TEXT,
    parts=COUNT,
    cost=TEXT,
    status=TEXT,
    error=COUNT,
    submitted_at=MOMENT,
    sent_at=MOMENT,
    status_at=MOMENT,
    history=_list(_object(("status", "at"), status=TEXT, at=MOMENT)),
    **{"from": TEXT},
)
_CALL: Final = _object(
    ("id", "kind", "state", "attempts"),
    closed=False,
    id=TEXT,
    kind={"enum": ["statuses", "inbound", "short_number", "email"]},
    state={"enum": ["waiting", "in flight", "delivered", "given up", "forgotten"]},
    attempts=_list(_ANYTHING),
)


def openapi(prefix: str) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(prefix + path, {})[method.lower()] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SMS Traffic sandbox",
            "version": __version__,
            "description": "Everything a test or a page does to the sandbox. Bodies are application/json.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Message": _MESSAGE,
                "Call": _CALL,
                "Rule": _RULE | {"additionalProperties": True},
                "Error": _object(("error",), error=TEXT),
            }
        },
    }


def _operation(method: str, path: str, operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in operation.query.items()
    ]
    if "{" in path:
        name = path.partition("{")[2].partition("}")[0]
        parameters.insert(0, {"name": name, "in": "path", "required": True, "schema": TEXT | {"minLength": 1}})
    media = "text/event-stream" if path == "events" else "application/json"
    responses = {
        str(operation.status): {"description": "Done", "content": {media: {"schema": operation.answer}}},
        "400": _refusal("A value that cannot be"),
        "403": _refusal("Another Host or Origin"),
    }
    if operation.missing:
        responses["404"] = _refusal("There is none")
    if operation.body is not None:
        responses["415"] = _refusal("Not application/json")
    value: dict[str, Any] = {
        "operationId": f"{method.lower()}_{path.replace('/', '_').replace('{', '').replace('}', '').replace('.', '_')}",
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    }
    if operation.body is not None:
        value["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    return value


def _refusal(what: str) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": _ref("Error")}}}
