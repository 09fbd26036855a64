"""The control API under requests made from its own description, right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sms_traffic_async.sandbox.control import PREFIX
from sms_traffic_async.sandbox.control_openapi import OPERATIONS, openapi
from sms_traffic_async.testing import SandboxThread

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

EXAMPLES = 20
# A stream, a long poll, and what is not one JSON value: each has tests of its own.
ENDLESS = {("GET", "events"), ("GET", "messages/wait"), ("GET", "messages.jsonl")}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxThread]:
    with SandboxThread() as sandbox:
        yield sandbox


def operations() -> list[Any]:
    document = openapi(PREFIX)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
    found = []
    for result in schema.get_all_operations():
        operation = result.ok()
        name = (operation.method.upper(), operation.path.removeprefix(PREFIX))
        if name not in ENDLESS:
            found.append(pytest.param(operation, id=" ".join(name)))
    assert len(found) == len(OPERATIONS) - len(ENDLESS)
    return found


@pytest.mark.parametrize("operation", operations())
def test_no_request_breaks_it(sandbox: SandboxThread, operation: Any) -> None:
    """Whatever is asked, the answer is one that the description names."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        response = case.call(base_url=sandbox.page_url.rstrip("/"), timeout=20)
        assert response.status_code < 500, (case.as_curl_command(), response.text)
        assert response.headers["content-type"][0].startswith("application/json")
        assert response.json() is not None

    ask()
    sandbox.reset()
