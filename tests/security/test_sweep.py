"""A full run, and everything it leaves behind searched for credentials, phone numbers and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from sms_traffic_async.sandbox.masking import mask_url
from tests.security.full_run import (
    ANSWER,
    API_KEY,
    PASSWORD,
    PEPPER,
    PHONE,
    SMTP_PASSWORD,
    SUBSCRIBER,
    TEXT,
    VIAS,
    WEBHOOK_SECRET,
    Run,
    everything_logged,
)
from tests.security.marks import Found, Marks
from tests.support.exposure import shown
from tests.support.virtual_loop import virtual

CREDENTIALS = {
    "key": API_KEY.partition("/")[2],
    "password": PASSWORD,
    "relay password": SMTP_PASSWORD,
    "webhook secret": WEBHOOK_SECRET,
    "pepper": PEPPER,
}
PEOPLE = {"phone": PHONE[1:], "subscriber": SUBSCRIBER[1:], "text": TEXT, "answer": ANSWER}
ALL = Marks(**CREDENTIALS, **PEOPLE)
SECRET = Marks(**CREDENTIALS)


def told(found: Iterable[Found]) -> str:
    """The worst places first, once each."""
    counted = Counter((one.place, one.mark) for one in found)
    examples = {(one.place, one.mark): one.around for one in found}
    return "\n".join(f"{place}: {mark} x{count}: {examples[place, mark]!r}" for (place, mark), count in counted.items())


@virtual
@pytest.mark.timeout(180)
async def test_a_full_run_keeps_everything_to_itself(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with everything_logged() as log:
        await run.all()

    # It was a full run.
    assert {type(one).__name__ for one in run.errors} >= {
        "AuthenticationFailed", "InvalidMessage", "NotSent", "OutcomeUnknown",
    }  # fmt: skip
    assert len(run.errors) > 60
    assert len(run.reprs) > 200
    assert {name.split(".")[1] for name, *_ in log.lines if name.startswith("sms_traffic_async.")} >= {
        "http", "smpp", "webhooks", "policy",
    }  # fmt: skip
    assert {span.name for span in run.collector.spans()} >= {"send sms", "process sms", "POST v2.send"}
    assert len(run.pages) > 10
    assert {one.via for one in run.values if type(one).__name__ == "Submission"} == set(VIAS)

    found: list[Found] = []
    for name, _, line in log.lines:
        found += ALL.of(f"log {name}", line)
    for error in run.errors:
        found += ALL.of(f"error {type(error).__name__}", shown(error))
    for name, printed in run.reprs.items():
        marks = SECRET if name.startswith("sms_traffic_async.sandbox") else ALL
        for one in printed:
            found += marks.of(f"repr {name}", one)
    for value in (*run.values, *run.events):
        found += ALL.of(f"value {type(value).__name__}", f"{value!r} {value!s}")
    found += ALL.of("OpenTelemetry", run.collector.everything())
    for path, page in run.pages.items():
        found += SECRET.of(f"page {path}", page)
    assert not found, told(found)


@pytest.mark.parametrize(
    "url,told",
    [
        (f"https://app.example/sms/statuses/{WEBHOOK_SECRET}", "https://app.example/sms/statuses/…"),
        (f"http://127.0.0.1:8000/sms?secret={WEBHOOK_SECRET}&x=1", "http://127.0.0.1:8000/sms?secret=…&x=1"),
        ("http://127.0.0.1:8000/statuses", "http://127.0.0.1:8000/statuses"),
        (
            "https://a-very-long-name-of-an-application.example/sms",
            "https://a-very-long-name-of-an-application.example/sms",
        ),
    ],
)
def test_the_secret_of_a_url_is_not_shown(url: str, told: str) -> None:
    assert mask_url(url) == told
