"""The document's requests as bytes, sent by curl or plain httpx; answers as they came."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Self
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx

from sms_traffic_async.sandbox import Sandbox
from tests.sandbox.foreign import TLS
from tests.support.peers import peer

__all__ = ("LOGIN", "V1", "curl", "squeezed")

LOGIN = {"login": "mylogin", "password": "mypassword"}
"""The document's own credentials; the sandbox of these tests has them."""


def squeezed(xml: str) -> str:
    """XML as the document prints it, put into one line as the platform sends it."""
    return re.sub(r">\s+<", "><", xml).strip()


async def curl(url: str, *options: str, body: str | bytes | None = None) -> tuple[str, bytes]:
    """Head and body of what curl gets; a body is posted as it is."""
    arguments = ["--silent", "--show-error", "--include", "--max-time", "20", "--noproxy", "*", *options]
    if body is not None:
        arguments += ["--data-binary", "@-"]
    process = await asyncio.create_subprocess_exec(
        peer("curl", "curl"), *arguments, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    given = body.encode() if isinstance(body, str) else body
    out, _ = await process.communicate(given)
    assert process.returncode == 0
    head, _, content = out.partition(b"\r\n\r\n")
    return head.decode("latin-1"), content


class V1:
    """A foreign client of ``multi.php`` and ``list.php`` on both nodes."""

    def __init__(self, sandbox: Sandbox, **login: str) -> None:
        self.login = login or LOGIN
        self.nodes = tuple(httpx.AsyncClient(base_url=url, timeout=20, verify=TLS) for url in sandbox.urls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            await node.aclose()

    async def post(self, path: str = "/multi.php", *, node: int = 1, **fields: Any) -> httpx.Response:
        # Octets stay as they are; httpx would write them as Python does.
        content = urlencode({**self.login, **fields})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.nodes[node - 1].post(path, content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/xml"
        return answer

    async def call(self, path: str = "/multi.php", *, node: int = 1, **fields: Any) -> ET.Element:
        return ET.fromstring((await self.post(path, node=node, **fields)).content)  # noqa: S314 - our own sandbox's

    async def code(self, path: str = "/multi.php", *, node: int = 1, **fields: Any) -> tuple[int, str]:
        """The refusal."""
        root = await self.call(path, node=node, **fields)
        assert root.findtext("result") == "ERROR", ET.tostring(root)
        return int(root.findtext("code") or ""), root.findtext("description") or ""

    async def send(self, phones: str = "79161112233", message: str | bytes = "hello", **fields: Any) -> list[str]:
        """Send and give the ids."""
        root = await self.call(phones=phones, message=message, want_sms_ids="1", **fields)
        assert root.findtext("code") == "0", ET.tostring(root)
        return [one.text or "" for one in root.iter("sms_id")]

    async def status(self, message_id: str, *, node: int = 1) -> str:
        root = await self.call(node=node, operation="status", sms_id=message_id)
        return root.findtext("status", default="(none)")
