"""The description is true: schemathesis calls what it describes, and compares the answers with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.python import asgi

from sms_traffic_async import InboundMessage
from sms_traffic_async.webhooks import Receiver, WebhookApp
from sms_traffic_async.webhooks.fastapi import router
from tests.webhooks.kit import SECRET

# Garbage is answered 200 on purpose: an error would slow down all statuses. And the secret is no HTTP authentication.
NOT_OURS = ("negative_data_rejection", "missing_required_header", "ignored_auth")


async def take(_updates: object) -> None:
    return


async def answer(message: InboundMessage) -> str:
    return message.text


HANDLERS: dict[str, Any] = {"statuses": take, "inbound": take, "short_number": answer}

described = FastAPI()
described.include_router(router(Receiver(secret=SECRET, **HANDLERS)), prefix="/sms")
of_router = schemathesis.openapi.from_dict(described.openapi())
of_router.app = described

plain = WebhookApp(secret=SECRET, **HANDLERS)
of_app = schemathesis.openapi.from_dict(plain.openapi())
of_app.app = plain


@pytest.fixture(scope="module", autouse=True)
def _its_thread_ends_with_this_module() -> Iterator[None]:
    """It keeps an event loop in a thread for the rest of the process, at which every later virtual loop would look."""
    yield
    getattr(asgi, "_shutdown", lambda: None)()  # the oldest that we allow has none, and no thread


def check(case: schemathesis.Case[Any], secret: str) -> None:
    case.path_parameters = {"secret": secret}
    # A stranger is told 404 whatever the method.
    names = NOT_OURS if secret == SECRET else (*NOT_OURS, "unsupported_method")
    excluded: list[Any] = []
    excluded += CHECKS.get_by_names([name for name in names if name in CHECKS.get_all_names()])
    response = case.call_and_validate(excluded_checks=excluded)
    # It tries methods that are not described, too.
    there = case.method.lower() in case.operation.schema.raw_schema["paths"][case.operation.path]
    if secret == SECRET:
        assert response.status_code == (200 if there else 405)
    else:
        assert response.status_code == 404 or not there


@of_router.parametrize()
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_the_router(case: schemathesis.Case[Any]) -> None:
    check(case, SECRET)


@of_app.parametrize()
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_the_app(case: schemathesis.Case[Any]) -> None:
    check(case, SECRET)


@of_router.parametrize()
@settings(max_examples=5, suppress_health_check=list(HealthCheck))
def test_a_stranger(case: schemathesis.Case[Any]) -> None:
    check(case, "wrong" * 5)


def test_both_descriptions_say_the_same() -> None:
    ours, fastapis = plain.openapi(prefix="/sms"), described.openapi()
    assert set(ours["paths"]) == set(fastapis["paths"])
    assert SECRET not in str(ours) + str(fastapis)
    for path, methods in ours["paths"].items():
        for method in methods.keys() - {"parameters"}:
            there = fastapis["paths"][path][method]
            assert there["responses"].keys() >= methods[method]["responses"].keys()
            assert there.get("requestBody") == methods[method].get("requestBody")
            assert there["operationId"] == methods[method]["operationId"]


def test_without_a_secret_the_paths_have_none() -> None:
    app = FastAPI()
    receiver = WebhookApp(secret=None, **HANDLERS)
    app.include_router(router(receiver), prefix="/sms")
    assert set(app.openapi()["paths"]) == {"/sms/statuses", "/sms/inbound", "/sms/short-number", "/sms/"}
    assert set(receiver.openapi(prefix="/sms")["paths"]) == {
        "/sms/statuses", "/sms/inbound", "/sms/short-number", "/sms",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["statuses", "inbound", "short-number"])
def test_the_documents_fields_are_described(kind: str) -> None:
    path = plain.openapi()["paths"][f"/{kind}/{{secret}}"]
    assert ("get" in path) == (kind != "statuses")
    if "get" in path:
        names = [parameter["name"] for parameter in path["get"]["parameters"]]
        assert names[:3] == ["message", "phone", "sms_id"]
