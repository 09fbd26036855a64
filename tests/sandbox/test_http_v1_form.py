"""Odd ways of giving parameters, and passwords in whatever is kept of a request."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.masking import mask_form, mask_letter, mask_multipart, mask_xml
from tests.sandbox.foreign import TLS

FORM = "application/x-www-form-urlencoded"
ACCOUNT = "login=mylogin&password=mypassword&operation=account"
PART = '--B\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(real_time=False, login="mylogin", password="mypassword") as opened:
        yield opened


async def ask(sandbox: Sandbox, method: str, path: str, body: str | bytes, kind: str | None) -> str:
    headers = {} if kind is None else {"Content-Type": kind}
    async with httpx.AsyncClient(base_url=sandbox.urls[0], verify=TLS, timeout=20) as client:
        return (await client.request(method, path, content=body, headers=headers)).text


@pytest.mark.parametrize(
    "body,kind,code,field",
    [
        (ACCOUNT + "&login=mylogin", FORM, None, "login"),
        ("&&" + ACCOUNT + "&", FORM, None, None),
        (ACCOUNT, FORM + "; charset=utf-8", None, None),
        (ACCOUNT, None, "401", "Content-Type"),
        (ACCOUNT, "text/plain", "401", "Content-Type"),
        (PART.format("login", "mylogin"), "multipart/form-data", "401", "Content-Type"),
        (
            "".join(PART.format(*pair.split("=")) for pair in ACCOUNT.split("&")) + "--B--\r\n",
            'multipart/form-data; boundary="B"',
            None,
            None,
        ),
        (
            "".join(PART.format(*pair.split("=")) for pair in ACCOUNT.split("&")) + "--B\r\nX: y\r\n\r\nz\r\n",
            "multipart/form-data; boundary=B",
            None,
            None,
        ),
    ],
)
async def test_bodies(sandbox: Sandbox, body: str, kind: str | None, code: str | None, field: str | None) -> None:
    answer = await ask(sandbox, "POST", "/multi.php", body, kind)
    assert ("<account>" in answer) if code is None else (f"<code>{code}</code>" in answer)
    assert [finding.field for finding in sandbox.findings if finding.field != "operation"][:1] == (
        [field] if field else []
    )
    kept = [one.body for one in sandbox.platform.store._exchanges.values()]
    assert len(kept) == 1
    assert b"mypassword" not in kept[0]


async def test_a_body_of_a_get_is_not_read(sandbox: Sandbox) -> None:
    assert "<code>401</code>" in await ask(sandbox, "GET", "/multi.php", ACCOUNT, FORM)
    assert [finding.field for finding in sandbox.findings] == ["(body)"]


async def test_no_more_fields_than_php_takes(sandbox: Sandbox) -> None:
    body = "&".join(f"f{one}=x" for one in range(1_500)) + "&" + ACCOUNT
    assert "<code>401</code>" in await ask(sandbox, "POST", "/multi.php", body, FORM)
    assert len(sandbox.findings) == 1_000


async def test_a_text_with_a_raw_ampersand_is_cut_in_findings(sandbox: Sandbox) -> None:
    body = "login=mylogin&password=mypassword&phones=79161112233&message=tea & " + "secret " * 20
    assert "<code>0</code>" in await ask(sandbox, "POST", "/multi.php", body, FORM)
    (finding,) = sandbox.findings
    assert len(finding.field) == 40


@pytest.mark.parametrize(
    "body",
    [
        b"password=s3cret",
        b"login=x&password=s3cret&phones=1",
        b"Password=s3cret&passwd=s3cret",
        b"login=x&PASSWORD=s3cret%26",
    ],
)
def test_forms_are_masked(body: bytes) -> None:
    masked = mask_form(body)
    assert b"s3cret" not in masked
    assert masked.count(b"=") == body.count(b"=")


def test_other_bodies_are_masked() -> None:
    xml = b"<a:Password xmlns:a='u'>s3cret</a:Password><Password>s3cret</Password><Login>x</Login><PassWord>s3cret"
    assert b"s3cret" not in mask_xml(xml)
    assert b"<Login>x</Login>" in mask_xml(xml)
    part = PART.format("password", "s3\r\ncret") + PART.format("message", "text") + "--B--"
    assert b"cret" not in mask_multipart(part.encode())
    assert b"text" in mask_multipart(part.encode())
    typed = part.replace("\r\n\r\ns3", "\r\nContent-Type: text/plain\r\n\r\ns3")
    assert b"cret" not in mask_multipart(typed.encode())
    assert mask_letter("login: x\n\nPassword: s3cret\n\nmessage: pass: it") == (
        "login: x\n\nPassword: ********\n\nmessage: pass: it"
    )
