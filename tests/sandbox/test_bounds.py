"""Nothing grows for ever, and nothing private is printed."""

import pytest

import sms_traffic_async.sandbox as face
from sms_traffic_async.sandbox import Pace, SandboxClock
from sms_traffic_async.sandbox.accounts import Accounts
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.findings import Findings
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.reports import ReportQuery
from sms_traffic_async.sandbox.store import KEEP_EXCHANGE_BYTES, Exchange, Store


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(1_766_048_400.0, running=False)


def exchange(number: int, size: int = 10, **headers: str) -> Exchange:
    return Exchange(
        request_id=f"r{number}",
        protocol="v2",
        operation="send",
        node=1,
        at=0.0,
        first_line="POST /v2/send HTTP/1.1",
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        body=b"x" * size,
        status=200,
        answer=b"",
    )


def test_requests_are_kept_by_number_and_by_size(clock: SandboxClock) -> None:
    store = Store(clock)
    for number in range(1500):
        store.record(exchange(number))
    assert store.exchange("r499") is None
    assert store.exchange("r500") is not None
    store.record(exchange(9001, KEEP_EXCHANGE_BYTES - 100))
    assert store.exchange("r1498") is not None
    assert store.exchange("r1400") is None
    store.record(exchange(9002, KEEP_EXCHANGE_BYTES + 1))
    assert store.exchange("r9002") is None
    store.record(exchange(9003))
    assert store.exchange("r9003") is not None


def test_a_recorded_request_shows_no_secret() -> None:
    kept = exchange(1, authorization="Bearer 1837/secret", cookie="session=secret", host="x")
    assert kept.head.split("\r\n") == [
        "POST /v2/send HTTP/1.1",
        "authorization: Bearer 1837/********",
        "cookie: ********",
        "host: x",
    ]
    assert "secret" not in repr(kept)


def test_findings_are_counted_and_the_newest_kept(clock: SandboxClock) -> None:
    findings = Findings(clock)
    for number in range(1200):
        findings.add(f"f{number}", "is odd", protocol="v2", operation="send", node=1, request_id="r")
    assert (len(findings), findings.total) == (1000, 1200)
    assert next(iter(findings)).field == "f200"


async def test_reports_are_bounded(clock: SandboxClock) -> None:
    platform = Platform(clock, Accounts.default(api_key="1/a", login="main", password="pw"), pace=Pace(report=1))
    clock.start()
    principal = platform.accounts.by_key("1/a")
    assert principal is not None
    first = platform.reports.create(ReportQuery(), node=1, principal=principal)
    for _ in range(2100):
        platform.reports.create(ReportQuery(), node=1, principal=principal)
    assert platform.reports.get(first.id) is None
    assert len(platform.reports) == 2000
    await clock.advance(2)
    assert first.content is None
    assert all(job.content is not None for job in platform.reports)


async def test_the_spam_filter_forgets(clock: SandboxClock) -> None:
    platform = Platform(clock, Accounts.default(api_key="1/a", login="main", password="pw"))
    clock.start()
    principal = platform.accounts.by_key("1/a")
    assert principal is not None
    for number in range(100):
        arrival = Arrival(protocol="v2", node=1, principal=principal, request_id=f"r{number}")
        prepared = platform.prepare(Draft(to=f"7916111{number:04d}", text="x"), arrival)
        assert isinstance(prepared, Prepared)
        platform.take([prepared], arrival)
    assert platform.spam.known == 100
    await clock.advance("13h")
    assert not platform.spam.is_spam(principal.account, "79161112233", "x")
    assert platform.spam.known == 1


def test_the_face_has_what_it_names_and_no_more() -> None:
    for name in face.__all__:
        assert getattr(face, name) is not None
    assert dir(face) == sorted(face.__all__)
    with pytest.raises(AttributeError):
        _ = face.nothing
