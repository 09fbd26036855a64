"""``multi.php`` and ``list.php`` of one node: HTTP API v1 (document, "HTTP API v1 (XML) протокол").

Everything is HTTP 200 with XML; a refusal is ``result`` ERROR with a code. GET
and POST are taken, with the parameters in the query, in a form, or in both.
Names are case-sensitive at ``multi.php``; the document's own examples call
``list.php`` with ``Login``, so there they are not (switch ``list_names_exact``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.classic import MOST_CHECKED, mark_checked, place, sign_in
from sms_traffic_async.sandbox.drafts import Arrival
from sms_traffic_async.sandbox.http_breakage import HTML
from sms_traffic_async.sandbox.http_call import Answer, Call, too_many_requests
from sms_traffic_async.sandbox.http_v1_answers import failed, ids_reply, reply, send_content, tag
from sms_traffic_async.sandbox.http_v1_form import Form, decode, read_form
from sms_traffic_async.sandbox.http_v1_lists import LIST_FIELDS, list_reply
from sms_traffic_async.sandbox.http_v1_order import CREDENTIALS, SEND_FIELDS, Refused, note_unknown, read_order
from sms_traffic_async.sandbox.http_v1_queries import incoming, statuses
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal, refuse

__all__ = ("Asked", "V1Room")

MULTI, LISTS = "/multi.php", "/list.php"
METHODS = frozenset({"GET", "POST"})

_MULTI_OPERATIONS = {
    "": "send",
    "status": "statuses",
    "set_checked": "checked",
    "account": "account",
    "incoming": "incoming",
}
_LIST_OPERATIONS = {
    "": "lists",
    "status_all": "lists",
    "status": "list",
    "add_member": "add_members",
    "remove_member": "remove_members",
}
_LIST_NAMES = ("login", "password", "operation", "member", "group_id")


class Asked(NamedTuple):
    """A request whose sender is known, its parameters as texts."""

    call: Call
    principal: Principal
    fields: dict[str, str]


class V1Room:
    """The v1 API of one node."""

    protocol = "v1"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._handlers: dict[str, Callable[[Asked], Answer]] = {
            "send": self._send,
            "statuses": self._statuses,
            "checked": self._checked,
            "account": self._account,
            "incoming": self._incoming,
            **dict.fromkeys(_LIST_OPERATIONS.values(), self._lists),
        }

    def operation(self, call: Call) -> str:
        """``send``, ``statuses``, ``checked``, ``account``, ``incoming``, ``lists``, ``list``, ``add_members``...

        Empty for what the document does not have. Reads the request.
        """
        form = read_form(call)
        at_lists = _script(call.path) == LISTS
        if at_lists and not self._platform.switches.list_names_exact:
            form = _folded(form)
        call.parsed = form
        known = _LIST_OPERATIONS if at_lists else _MULTI_OPERATIONS
        return known.get(form.values.get("operation", b"").decode("latin-1"), "")

    async def handle(self, call: Call) -> Answer:
        """Answer one request."""
        form: Form = call.parsed
        if call.method not in METHODS:
            call.finding(call.path, f"is called with {call.method}; the document has POST and GET", refused=True)
            return Answer(405, b"Method Not Allowed", (*HTML, (b"allow", b"GET, POST")))
        if _script(call.path) not in {MULTI, LISTS}:
            call.finding(call.path, "is not a path of the document")
            return Answer(404, b"Not Found", HTML)
        fields = _texts(form)
        for name, problem in form.odd:
            call.finding(name, problem)
        try:
            principal = self._admission(call, fields)
            note_unknown(form.values, _known(call.operation), call.finding)
            await call.gate()
            return self._handlers[call.operation](Asked(call, principal, fields))
        except Refused as no:
            return failed(no.refusal, self._platform.switches)

    def throttled(self, retry_after: str | None) -> Answer:
        """HTTP 429; the document knows none for v1, a server in front of it may."""
        return too_many_requests(retry_after)

    def temporary(self, call: Call) -> Answer:
        """Code 1000."""
        return failed(refuse(1000), call.platform.switches)

    def _admission(self, call: Call, fields: dict[str, str]) -> Principal:
        found = sign_in(self._platform, fields.get("login"), fields.get("password"), call.ip)
        if isinstance(found, Refusal):
            note_unknown(fields, _known(call.operation), call.finding)
            raise Refused(found)
        if not call.operation:
            call.finding("operation", "is none of the document's", refused=True)
            raise Refused(refuse(404))
        return found

    def _send(self, asked: Asked) -> Answer:
        call, principal, fields = asked
        if not principal.account.http_allowed:
            raise Refused(refuse(439))
        switches = self._platform.switches
        order = read_order(fields, principal.account, switches, call.finding)
        arrival = Arrival(
            protocol=self.protocol,
            node=call.node,
            principal=principal,
            request_id=call.request_id,
            ip=call.ip,
            ids_per_part=True,
        )
        placed = place(order, self._platform, arrival, note=call.finding)
        if isinstance(placed, Refusal):
            raise Refused(placed)
        with_push_ids = fields.get("with_push_id") == "1"
        # The document prints this one reply without a head.
        return reply(send_content(placed, ids=order.want_ids), switches, "none" if with_push_ids else "plain")

    def _statuses(self, asked: Asked) -> Answer:
        return statuses(asked.call, asked.principal, _ids(asked.fields))

    def _checked(self, asked: Asked) -> Answer:
        call, principal, fields = asked
        ids = _ids(fields)
        if len(ids) > MOST_CHECKED:
            call.finding("sms_id", f"has more than {MOST_CHECKED} ids", refused=True)
            raise Refused(refuse(404))
        marked = mark_checked(self._platform, ids, protocol=self.protocol, node=call.node, principal=principal)
        if isinstance(marked, Refusal):
            # The document prints this refusal with windows-1251 in its head.
            answer = failed(marked, self._platform.switches)
            answer.body = _declared(answer.body) if self._platform.switches.xml_head == "document" else answer.body
            return answer
        return ids_reply(marked, self._platform.switches)

    def _account(self, asked: Asked) -> Answer:
        balance = asked.principal.account.balance
        # The document's example is a whole number.
        shown = f"{balance:.0f}" if balance == balance.to_integral_value() else f"{balance:f}"
        return reply(tag("account", shown), self._platform.switches)

    def _incoming(self, asked: Asked) -> Answer:
        return incoming(asked.call, asked.principal, asked.fields)

    def _lists(self, asked: Asked) -> Answer:
        return list_reply(asked.call, asked.principal, asked.fields)


def _script(path: str) -> str:
    """Clients are seen to write ``//multi.php`` and ``/multi.php/``."""
    return "/" + path.strip("/")


def _declared(body: bytes) -> bytes:
    return body.replace(b'<?xml version="1.0" ?>', b'<?xml version="1.0" encoding="windows-1251" ?>', 1)


def _texts(form: Form) -> dict[str, str]:
    """Every value by the charset that ``rus`` says (document, the rows of ``rus``)."""
    charset = "utf-8" if form.values.get("rus") == b"5" else "windows-1251"
    return {name: decode(value, charset, name, form.odd) for name, value in form.values.items()}


def _folded(form: Form) -> Form:
    values: dict[str, bytes] = {}
    for name, value in form.values.items():
        lower = name.lower()
        values[lower if lower in _LIST_NAMES else name] = value
    return Form(values, form.odd)


def _known(operation: str) -> frozenset[str]:
    if operation == "send":
        return SEND_FIELDS
    if operation in {"statuses", "checked"}:
        return CREDENTIALS | {"operation", "sms_id"}
    if operation == "account":
        return CREDENTIALS | {"operation"}
    if operation == "incoming":
        return CREDENTIALS | {"operation", "from_date", "from_phone", "count", "want_sms_ids"}
    return LIST_FIELDS if operation else SEND_FIELDS | LIST_FIELDS | {"sms_id"}


def _ids(fields: dict[str, str]) -> list[str]:
    ids = [one.strip() for one in fields.get("sms_id", "").split(",")]
    ids = [one for one in ids if one]
    if not ids:
        raise Refused(refuse(433))
    return ids
