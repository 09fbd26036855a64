"""Plain httpx as the client of another house: nothing of this library's own encoding."""

from __future__ import annotations

import ssl
from typing import Any, Self

import httpx

from sms_traffic_async.sandbox import Sandbox

__all__ = ("Foreign",)

TLS = ssl.create_default_context()
"""Built once: httpx would build one for each client, which costs more than most tests."""


class Foreign:
    """Speaks v2 to the two nodes of a sandbox, and its control API."""

    def __init__(self, sandbox: Sandbox, api_key: str | None = None) -> None:
        self.sandbox = sandbox
        headers = {"Authorization": f"Bearer {api_key or sandbox.api_key}"}
        self.nodes = tuple(
            httpx.AsyncClient(base_url=url, headers=headers, timeout=20, verify=TLS) for url in sandbox.urls
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            await node.aclose()

    async def call(self, method: str, path: str, *, node: int = 1, **options: Any) -> httpx.Response:
        return await self.nodes[node - 1].request(method, path, **options)

    async def post(self, path: str, body: Any, *, node: int = 1, **options: Any) -> Any:
        answer = await self.call("POST", path, node=node, json=body, **options)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    async def send(self, to: int | str = 79161112233, text: str = "hello", *, node: int = 1, **fields: Any) -> Any:
        body = {"channels": {"sms": {"message": text}}, "destinations": [{"to": to}], **fields}
        return await self.post("/v2/send", body, node=node)

    async def sent(self, to: int | str = 79161112233, text: str = "hello", **fields: Any) -> str:
        """Send and give the id."""
        answer = await self.send(to, text, **fields)
        assert answer["success"] is True, answer
        assert "error" not in answer["destinations"][0], answer
        return str(answer["destinations"][0]["id"])

    async def statuses(self, *ids: str, node: int = 1, **fields: Any) -> list[dict[str, Any]]:
        answer = await self.post("/v2/statuses/list", {"ids": list(ids), **fields}, node=node)
        assert answer["success"] is True, answer
        rows: list[dict[str, Any]] = answer["data"]
        return rows

    async def status(self, message_id: str, *, node: int = 1) -> str:
        rows = await self.statuses(message_id, node=node)
        assert len(rows) == 1, rows
        return str(rows[0]["status"])

    async def labels(self, *labels: str, node: int = 1) -> list[str]:
        """The labels that a look-up finds."""
        answer = await self.post("/v2/statuses/list", {"trackingData": list(labels)}, node=node)
        return [row["trackingData"] for row in answer["data"]]

    async def report(self, *, node: int = 1, **fields: Any) -> str:
        answer = await self.post("/v2/report", fields, node=node)
        assert answer["code"] == 0, answer
        return str(answer["reportId"])

    async def rows(self, *, node: int = 1, **fields: Any) -> list[list[str]]:
        """A report made, waited for and read as JSON."""
        report_id = await self.report(node=node, **fields)
        await self.sandbox.advance(self.sandbox.pace.report)
        answer = await self.call("GET", f"/v2/report/{report_id}", node=node)
        assert answer.status_code == 200, answer.text
        rows: list[list[str]] = answer.json()["messages"]
        return rows
