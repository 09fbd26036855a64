"""What an error of a send says: what happened, whether an SMS may have gone out, and the next step."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio

import sms_traffic_async
from sms_traffic_async import Message, RetryPolicy, SmsTraffic, SmtpOptions, Timeouts
from sms_traffic_async.api_codes import API_CODES, error_for
from sms_traffic_async.errors import (
    DuplicateRequest,
    NotSent,
    NotSentReason,
    Outcome,
    OutcomeUnknown,
    Rejected,
    SendError,
)
from sms_traffic_async.messages import Via
from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules
from sms_traffic_async.policy.guards import ONLY_TO_VARIABLE, OnlyTo
from sms_traffic_async.protocols.smpp.failures import bind_error, submit_error
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.sandbox import Drop, FaultRule, Garbage, Sandbox, ServerError, Temporary, Throttle
from tests.support.virtual_loop import VirtualClock, virtual

ROOT = Path(sms_traffic_async.__file__).parent
CLOCK = VirtualClock()
TO, TEXT = "79261234577", "Ваш код 1234"
FATES = {
    Outcome.NOT_SENT: ("nothing was sent",),
    Outcome.REJECTED: ("no sms goes out", "nothing more goes out"),
    Outcome.UNKNOWN: ("an sms may have gone out", "may be shown"),
}


def check(error: SendError) -> None:
    """The three parts, in order, once each, as sentences."""
    text = str(error)
    assert error.advice
    assert text.endswith(error.advice)
    said = text.removesuffix(error.advice).strip()
    fate = [words for words in FATES[error.outcome] if words in said.casefold()]
    assert fate, text
    assert text.casefold().count(fate[0]) == 1, text
    what = said.casefold().replace(fate[0], "").strip(" .")
    assert len(what) > 5, f"it does not say what happened: {text}"
    assert not re.search(r"\.\.|\s\s| \.", text), text
    assert TO not in text
    assert "1234" not in text


# --- every class, every reason


def kinds() -> Iterator[type[SendError]]:
    for module in pkgutil.walk_packages([str(ROOT)], "sms_traffic_async."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = [SendError]
    while found:
        for kind in found.pop().__subclasses__():
            if kind.__module__.startswith("sms_traffic_async."):
                found.append(kind)
                yield kind


KINDS = sorted(set(kinds()), key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("text", ["v2.send: it came to nothing.", "v2.send: it came to nothing"])
def test_each_class_says_all_three_by_itself(kind: type[SendError], text: str) -> None:
    if issubclass(kind, NotSent) and kind.__name__ != "Guarded":
        for reason in get_args(NotSentReason):
            check(kind(text, reason=reason))
            check(kind(text, reason=reason, advice="Look at the plug."))
    else:
        check(kind(text))
        check(kind(text, advice="Look at the plug."))


def test_what_is_said_already_is_not_said_again() -> None:
    error = NotSent("The number is not listed: nothing was sent.", reason="guarded", advice="List it.")
    assert str(error) == "The number is not listed: nothing was sent. List it."
    assert str(OutcomeUnknown("v1.send: no answer")) == (
        "v1.send: no answer. An SMS may have gone out. Ask sms.resolve(error) before you send it again."
    )
    assert "Nothing more goes out" in str(DuplicateRequest("v2.send: the id was used."))


# --- every place that makes one


def makers() -> Iterator[tuple[str, ast.Call]]:
    names = {kind.__name__ for kind in KINDS}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


@pytest.mark.parametrize("where,made", [pytest.param(where, made, id=where) for where, made in makers()])
def test_each_place_says_what_happened(where: str, made: ast.Call) -> None:
    assert made.args, f"{where}: no text"
    text = made.args[0]
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    literal = "".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
    filled = sum(not isinstance(part, ast.Constant) for part in parts)
    # A text that is put together elsewhere is held by the tables and paths below; a literal one is a sentence.
    assert len(literal.split()) > 1 or filled > 1 or not isinstance(text, (ast.JoinedStr, ast.Constant)), where
    for keyword in made.keywords:
        assert not (keyword.arg == "advice" and isinstance(keyword.value, ast.Constant) and not keyword.value.value)


# --- the tables


@pytest.mark.parametrize("code", [*API_CODES, 999])
@pytest.mark.parametrize("operation", ["v2.send", "v1.send", "soap.send"])
def test_after_every_code_of_the_platform(code: int, operation: str) -> None:
    check(
        error_for(
            code,
            f"refused {TO}",
            operation=operation,
            node="node",
            message_key="key",
            on_send=True,
            has_restrictive_id=operation == "v2.send",
        )
    )


@pytest.mark.parametrize("status", [*CommandStatus, CommandStatus(0x0500)])
def test_after_every_status_of_smpp(status: CommandStatus) -> None:
    if status:
        check(submit_error(status, node="node", key="key"))
        check(bind_error(status, node="node", key="key"))


# --- the paths, by the real clients


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(CLOCK.wall(), UTC)) as sandbox:
        yield sandbox


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    host, port = sandbox.smtp_address
    known = sandbox.client_options() | {
        "clock": CLOCK,
        "timeouts": Timeouts(deadline=5.0, read=2.0),
        "retry": RetryPolicy(max_attempts=3),
        "smtp": SmtpOptions(
            sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True
        ),
        "smpp": sandbox.smpp_options(tls=False),
    }
    return SmsTraffic(**(known | options))


FAULTS: dict[str, Any] = {
    "temporary": Temporary(),
    "throttled": Throttle(retry_after=60.0),
    "server error": ServerError(status=503),
    "forbidden": ServerError(status=403),
    "unauthorised": ServerError(status=401),
    "not found": ServerError(status=404),
    "no answer": Drop(when="after"),
    "closed before": Drop(when="before"),
    "garbage": Garbage(),
}
HTTP: tuple[Via, ...] = ("v2", "v1", "soap")


@virtual
@pytest.mark.parametrize("via", HTTP)
@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_fault(sandbox: Sandbox, via: Via, fault: str) -> None:
    sandbox.faults.add(FaultRule(effect=FAULTS[fault], protocol=via))  # look-ups suffer it too
    async with session(sandbox) as sms:
        with pytest.raises(SendError) as caught:
            await sms.send(TO, TEXT, via=via)
    check(caught.value)


@virtual
@pytest.mark.parametrize("via", HTTP)
async def test_after_a_refusal(sandbox: Sandbox, via: Via) -> None:
    async with session(sandbox) as sms:
        with pytest.raises(Rejected) as caught:
            await sms.send(Message(to=TO, text=TEXT, originator="NotMine"), via=via)
    check(caught.value)


@virtual
@pytest.mark.parametrize("via", HTTP)
async def test_where_nothing_can_be_reached_or_read(via: Via) -> None:
    nodes = ("http://127.0.0.1:1", "http://127.0.0.1:2")
    soap = sms_traffic_async.SoapOptions(url=nodes[0], second_url=nodes[1])
    options: dict[str, Any] = {"api_key": "1/x", "login": "l", "password": "p", "nodes": nodes, "soap": soap}
    sms = SmsTraffic(**options, clock=CLOCK, timeouts=Timeouts(deadline=3.0))
    async with sms:
        with pytest.raises(NotSent) as caught:
            await sms.send(TO, TEXT, via=via)
        check(caught.value)
    with pytest.raises(NotSent) as caught:
        await sms.send(TO, TEXT, via=via)
    assert caught.value.reason == "closed"
    check(caught.value)


@virtual
async def test_one_key_for_two_messages_and_what_cannot_be_looked_up(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        await sms.send(TO, TEXT, key="order-1")
        with pytest.raises(Rejected) as refused:
            await sms.send(TO, TEXT, key="order-1")
        check(refused.value)
        sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send"))
        for via in HTTP[1:]:
            with pytest.raises(OutcomeUnknown) as unknown:
                await sms.send(TO, TEXT, via=via)
            check(unknown.value)
            with pytest.raises(OutcomeUnknown) as still:
                await sms.resolve(unknown.value)
            check(still.value)


@virtual
async def test_the_guards() -> None:
    with pytest.raises(NotSent) as caught:
        OnlyTo.from_env({ONLY_TO_VARIABLE: ""}).check(TO)
    check(caught.value)
    with pytest.raises(NotSent) as caught:
        await AbuseGuard(AbuseRules(countries=("375",)), clock=CLOCK).admit(Message(to=TO, text=TEXT))
    check(caught.value)
