"""What the control API shows: values of the sandbox as JSON."""

from __future__ import annotations

from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar, cast

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accept_log import AcceptEntry
from sms_traffic_async.sandbox.accounts import Account, Token
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.effects import effect_from, effect_to
from sms_traffic_async.sandbox.faults import FaultRecord, FaultRule
from sms_traffic_async.sandbox.findings import Finding
from sms_traffic_async.sandbox.smpp_shown import pdu_text
from sms_traffic_async.sandbox.store import Exchange, StoredMessage

__all__ = (
    "accept_json",
    "account_json",
    "exchange_json",
    "finding_json",
    "made",
    "message_json",
    "moment_json",
    "record_json",
    "rule_from",
    "rule_json",
)


T = TypeVar("T")
MOST_SHOWN_BYTES = 65_536


def moment_json(clock: SandboxClock, at: float | None) -> str | None:
    """A time of the sandbox's, with its zone."""
    return None if at is None else clock.datetime(at).isoformat(timespec="milliseconds")


def made(kind: type[T], values: dict[str, Any]) -> T:
    """A value from its fields.

    Raises:
        ConfigurationError: a field it does not have, or one that it needs is missing.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type] # every kind is a dataclass
    for name in values:
        if name not in known:
            raise ConfigurationError(f"there is no {name!r} here; there are {', '.join(known)}")
    for name, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and name not in values:
            raise ConfigurationError(f"{name} is missing")
    return kind(**values)


def message_json(message: StoredMessage, clock: SandboxClock) -> dict[str, Any]:
    """A message with its history."""
    return {
        "id": message.id,
        "part_ids": message.part_ids,
        "direction": message.direction,
        "protocol": message.protocol,
        "node": message.node,
        "request_id": message.request_id,
        "login": message.login,
        "to": message.to,
        "from": message.originator,
        "text": message.text,
        "encoding": message.encoding,
        "parts": message.parts,
        "cost": str(message.cost),
        "tracking_data": message.tracking_data,
        "restrictive_id": message.restrictive_id,
        "batch_name": message.batch_name,
        "status": message.status,
        "error": message.error,
        "submitted_at": moment_json(clock, message.submitted_at),
        "start_at": moment_json(clock, message.start_at),
        "sent_at": moment_json(clock, message.sent_at),
        "status_at": moment_json(clock, message.status_at),
        "history": [{"status": status, "at": moment_json(clock, at)} for status, at in message.history],
        "operator": message.operator.name,
        "country": message.operator.country,
    }


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """A request and its answer; PDUs as fields and octets, what is not UTF-8 with replacement characters."""
    read = pdu_text if exchange.protocol == "smpp" else _text
    return {
        "request_id": exchange.request_id,
        "protocol": exchange.protocol,
        "operation": exchange.operation,
        "node": exchange.node,
        "head": exchange.head,
        "body": read(exchange.body),
        "status": exchange.status,
        "answer": read(exchange.answer),
    }


def _text(data: bytes) -> str:
    return data[:MOST_SHOWN_BYTES].decode("utf-8", "replace")


def accept_json(entry: AcceptEntry, clock: SandboxClock) -> dict[str, Any]:
    """An entry of the accept log."""
    return asdict(entry) | {"at": moment_json(clock, entry.at)}


def finding_json(finding: Finding, clock: SandboxClock) -> dict[str, Any]:
    """A finding."""
    return asdict(finding) | {"at": moment_json(clock, finding.at)}


def rule_json(rule: FaultRule) -> dict[str, Any]:
    """A fault rule; `rule_from` reads the same form."""
    plain = {field.name: getattr(rule, field.name) for field in fields(rule) if field.name != "effect"}
    return {"effect": effect_to(rule.effect), **plain}


def rule_from(description: dict[str, Any]) -> FaultRule:
    """A fault rule from its JSON form.

    Raises:
        ConfigurationError: something it cannot have.
    """
    values = dict(description)
    effect = values.pop("effect", None)
    plain = cast("dict[str, Any]", effect) if isinstance(effect, dict) else {"kind": effect}
    return made(FaultRule, {**values, "effect": effect_from(plain)})


def record_json(record: FaultRecord, clock: SandboxClock) -> dict[str, Any]:
    """An injected fault."""
    return record._asdict() | {"effect": effect_to(record.effect), "at": moment_json(clock, record.at)}


def account_json(account: Account, tokens: list[Token]) -> dict[str, Any]:
    """An account without its secrets."""
    return {
        "login": account.login,
        "balance": str(account.balance),
        "credit": str(account.credit),
        "price": str(account.price),
        "originators": sorted(account.originators),
        "any_originator": account.any_originator,
        "default_originator": account.default_originator,
        "blocked": sorted(account.blocked),
        "departments": [
            {"login": one.login, "name": one.name, "system_id": one.system_id, "roles": sorted(one.roles)}
            for _, one in sorted(account.departments.items())
        ],
        "http_allowed": account.http_allowed,
        "allowed_ips": sorted(account.allowed_ips),
        "smpp_rate": account.smpp_rate,
        "tokens": [
            {
                "public": token.public,
                "login": token.login,
                "permissions": sorted(token.permissions),
                "rate": None if token.rate is None else {"count": token.rate.count, "seconds": token.rate.seconds},
            }
            for token in tokens
        ],
    }
