"""SMPP in the control API: who is bound, what waits, and breaking it off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.control_answers import Endpoint, answer, body_of
from sms_traffic_async.sandbox.smpp import Smsc

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("smpp_json", "smpp_routes")


def smpp_json(smsc: Smsc) -> dict[str, Any]:
    """Everything there is to see of it."""
    return {
        "servers": [
            {"node": node, "tls": tls, "port": smsc.address(node, tls=tls)[1]} for node, tls in sorted(smsc.ports)
        ],
        "bound": [link._asdict() for link in smsc.bound],
        "ghosts": [{"node": node, "system_id": system_id} for node, system_id in smsc.slots.ghosts()],
        "waiting": smsc.deliveries.waiting(),
        "deliveries": dict(smsc.deliveries.counts),
    }


def smpp_routes(sandbox: Sandbox) -> tuple[tuple[str, str, Endpoint], ...]:
    """Methods, paths behind the prefix, and what answers them."""
    smsc = sandbox.smpp

    async def show(_request: Request) -> Response:
        return answer(smpp_json(smsc))

    async def unbind(request: Request) -> Response:
        node, _ = await _which(request, ())
        return answer({"unbound": smsc.unbind(node=node)})

    async def drop(request: Request) -> Response:
        node, how = await _which(request, ("rst", "fin"))
        return answer({"dropped": smsc.drop(node=node, how="fin" if how == "fin" else "rst")})

    return ("GET", "smpp", show), ("POST", "smpp/unbind", unbind), ("POST", "smpp/drop", drop)


async def _which(request: Request, ways: tuple[str, ...]) -> tuple[int | None, str | None]:
    """The node, or both; and how."""
    body = await body_of(request)
    known = {"node", "how"} if ways else {"node"}
    if not body.keys() <= known:
        raise ConfigurationError(f"the body is an object with {' and '.join(sorted(known))}, or empty")
    node, how = body.get("node"), body.get("how")
    if isinstance(node, bool) or node not in {None, 1, 2}:
        raise ConfigurationError("node is 1 or 2")
    if how is not None and how not in ways:
        raise ConfigurationError(f"how is {' or '.join(ways)}")
    return node, how
