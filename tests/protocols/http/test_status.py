import pytest

from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.protocols.http.circuit import REFUSED_FOR, CredentialCircuit
from sms_traffic_async.protocols.http.exchange import HttpAnswer, refused_by_status
from sms_traffic_async.protocols.http.status import classify_status, node_health

NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT
CAP = 900.0

# docs/reliability.md, rows 7 to 12.
VERDICTS = {
    Verdict.THROTTLED: (429,),
    Verdict.AMBIGUOUS: (100, 103, 408, 500, 501, 502, 503, 504, 505, 520, 599),
    Verdict.PERMANENT: (300, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 405, 409, 410, 411, 413, 415,
                        418, 422, 431, 451),
}  # fmt: skip


@pytest.mark.parametrize("verdict, status", [(verdict, status) for verdict in VERDICTS for status in VERDICTS[verdict]])
def test_verdicts(verdict: Verdict, status: int) -> None:
    said = classify_status(status, {}, now=NOW, cap=CAP)
    assert said is not None
    assert (said.verdict, said.retry_after) == (verdict, None)
    assert node_health(status) is verdict


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
def test_a_success_is_judged_by_its_body(status: int) -> None:
    assert classify_status(status, {"retry-after": "5"}, now=NOW, cap=CAP) is None
    assert node_health(status) is None


@pytest.mark.parametrize("status", [429, 503, 502, 408])
@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "100000"}, CAP),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT", "date": "Thu, 01 Jan 2026 00:00:50 GMT"}, 10.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    said = classify_status(status, headers, now=NOW, cap=CAP)
    assert said is not None
    assert said.retry_after == seconds


def test_a_refusal_is_not_waited_for() -> None:
    said = classify_status(403, {"retry-after": "7"}, now=NOW, cap=CAP)
    assert said is not None
    assert said.retry_after is None


def test_a_status_as_an_attempt() -> None:
    answer = HttpAnswer(status=429, headers={"retry-after": "2"}, body=b"", node="one", started=1.0, ended=2.0)
    attempt = refused_by_status(answer, now=NOW, cap=CAP)
    assert attempt is not None
    assert (attempt.node, attempt.started, attempt.ended, attempt.status) == ("one", 1.0, 2.0, 429)
    assert (attempt.verdict, attempt.retry_after, attempt.answered) == (Verdict.THROTTLED, 2.0, True)
    fine = HttpAnswer(status=200, headers={}, body=b"", node="one", started=1.0, ended=2.0)
    assert refused_by_status(fine, now=NOW, cap=CAP) is None


def test_a_refused_credential_is_not_tried_again_for_a_while() -> None:
    circuit = CredentialCircuit()
    assert circuit.status("v2.send", 0.0) is None
    circuit.refused("v2.send", 403, 100.0)
    assert circuit.status("v2.send", 100.0 + REFUSED_FOR - 0.1) == 403
    assert circuit.status("v2.balance", 101.0) is None, "a permission belongs to an operation"
    assert circuit.status("v2.send", 100.0 + REFUSED_FOR) is None
    circuit.refused("v2.send", 401, 200.0)
    assert circuit.status("v2.balance", 201.0) == 401, "a key that is not accepted is accepted nowhere"
    assert circuit.status("v2.balance", 200.0 + REFUSED_FOR) is None
