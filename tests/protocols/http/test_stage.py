import itertools
import ssl
from types import SimpleNamespace

import httpx
import pytest

from sms_traffic_async.errors import TlsError
from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.protocols.http.stage import Stage, safe_cause
from tests.support.exposure import shown


def handed(*, proves: bool = True) -> Stage:
    stage = Stage("POST")
    stage.handed = True
    stage.proves = proves
    return stage


def info(method: bytes) -> dict[str, object]:
    return {"request": SimpleNamespace(method=method)}


async def test_nothing_left_before_the_transport_had_it() -> None:
    assert Stage("POST").unsent


async def test_a_known_transport_that_did_not_begin_sent_nothing() -> None:
    stage = handed()
    await stage("connection.connect_tcp.started", {})
    await stage("connection.start_tls.failed", {})
    assert (stage.unsent, stage.verdict) == (True, Verdict.UNSENT)


@pytest.mark.parametrize("version", ["http11", "http2"])
async def test_beginning_our_headers_is_the_line(version: str) -> None:
    stage = handed()
    await stage(f"{version}.send_request_headers.started", info(b"POST"))
    assert (stage.unsent, stage.verdict) == (False, Verdict.AMBIGUOUS)


async def test_a_proxys_connect_is_not_our_request() -> None:
    stage = handed()
    await stage("http11.send_request_headers.started", info(b"CONNECT"))
    await stage("http11.send_request_headers.complete", {})
    assert stage.unsent
    await stage("http11.send_request_headers.started", info(b"POST"))
    assert not stage.unsent


async def test_the_head_of_a_proxys_answer_is_not_heard_as_the_nodes() -> None:
    heard: list[int] = []
    stage = handed()
    stage.listen(lambda: heard.append(1))
    await stage("http11.send_request_headers.started", info(b"CONNECT"))
    await stage("http11.receive_response_headers.complete", {})
    assert heard == []
    await stage("http11.send_request_headers.started", info(b"POST"))
    await stage("http11.receive_response_headers.complete", {})
    assert heard == [1]


async def test_nobody_needs_to_listen() -> None:
    stage = handed()
    await stage("http11.send_request_headers.started", info(b"POST"))
    await stage("http11.receive_response_headers.complete", {})
    assert not stage.unsent


async def test_a_silent_transport_proves_nothing() -> None:
    assert handed(proves=False).verdict is Verdict.AMBIGUOUS


def chained(*errors: BaseException) -> BaseException:
    for outer, inner in itertools.pairwise(errors):
        outer.__context__ = inner
    return errors[0]


def test_a_certificate_is_found_at_the_end_of_the_chain() -> None:
    refused = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate (_ssl.c:1006)")
    refused.verify_message = "self-signed certificate"
    cause = safe_cause(chained(httpx.ConnectError("x"), OSError("y"), refused))
    assert isinstance(cause, TlsError)
    assert "self-signed certificate" in str(cause)


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, two = OSError("one"), OSError("two")
    one.__context__, two.__context__ = two, one
    assert not isinstance(safe_cause(one), TlsError)


@pytest.mark.parametrize(
    "error",
    [
        httpx.LocalProtocolError("Illegal header value b'Bearer 1837/ptf9Bs9Apk4EgyP4'"),
        httpx.RemoteProtocolError("illegal status line: bytearray(b'79161112233')"),
        UnicodeEncodeError("ascii", "Bearer ключ", 7, 11, "ordinal not in range"),
    ],
)
def test_errors_that_quote_are_kept_by_name_only(error: BaseException) -> None:
    cause = safe_cause(error)
    assert type(error).__name__ in str(cause)
    assert not [word for word in ("ptf9", "79161112233", "ключ") if word in shown(cause)]


def test_other_errors_keep_their_sentence_and_nothing_else() -> None:
    request = httpx.Request("POST", "https://api.smstraffic.ru/v2/send", content=b"secret")
    cause = safe_cause(httpx.ConnectError("[Errno 111] Connection refused", request=request))
    assert "Connection refused" in str(cause)
    assert "ConnectError" in str(cause)
    assert not hasattr(cause, "request")
