"""The same pushes through real servers over TCP: uvicorn alone, Starlette, FastAPI, aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, TypeAlias

import httpx
import pytest
from aiohttp import web
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sms_traffic_async import InboundMessage, StatusUpdate
from sms_traffic_async.webhooks import Receiver, WebhookApp, WebhookOptions
from sms_traffic_async.webhooks.aiohttp import register
from sms_traffic_async.webhooks.fastapi import inbound_message, router, status_updates
from tests.protocols.pushes.examples import FORM_HEAD, FORM_PUSH, JSON_HEAD, JSON_PUSH
from tests.support.virtual_loop import virtual
from tests.webhooks.kit import FORM, JSON, LOCAL, SECRET, Application, aiohttp_serving, raw_call, uvicorn_serving

pytestmark = virtual

Serving: TypeAlias = AbstractAsyncContextManager[str]


def alone(receiver: WebhookApp) -> Serving:
    return uvicorn_serving(receiver)


def alone_httptools_free(receiver: WebhookApp) -> Serving:
    return uvicorn_serving(receiver, http="h11", lifespan="on")


def starlette(receiver: WebhookApp) -> Serving:
    return _below(uvicorn_serving(Starlette(routes=[Mount("/a/sms", app=receiver)])), "/a/sms")


def fastapi_mount(receiver: WebhookApp) -> Serving:
    app = FastAPI()
    app.mount("/sms", receiver)
    return _below(uvicorn_serving(app), "/sms")


def behind_a_prefix(receiver: WebhookApp) -> Serving:
    return uvicorn_serving(receiver, root_path="/outside")


def fastapi_router(receiver: WebhookApp) -> Serving:
    app = FastAPI()
    app.include_router(router(receiver), prefix="/sms")
    return _below(uvicorn_serving(app), "/sms")


def on_aiohttp(receiver: WebhookApp) -> Serving:
    app = web.Application()
    register(app, "/sms/", receiver)
    return _below(aiohttp_serving(app), "/sms")


def raw(receiver: WebhookApp) -> Serving:
    async def endpoint(request: Request) -> Response:
        assert request.client is not None
        reply = await receiver.push(
            await request.body(),
            request.headers,
            request.client.host,
            secret=request.path_params["secret"],
            query=request.url.query.encode(),
        )
        return Response(reply.body, reply.status, reply.all_headers())

    routes = [Route("/sms/{secret}", endpoint, methods=["GET", "POST"])]
    routes += [
        Route(f"/sms/{kind}/{{secret}}", endpoint, methods=["GET", "POST"])
        for kind in ("statuses", "inbound", "short-number")
    ]
    return _below(uvicorn_serving(Starlette(routes=routes)), "/sms")


@contextlib.asynccontextmanager
async def _below(serving: Serving, path: str) -> AsyncIterator[str]:
    async with serving as url:
        yield url + path


SERVERS: dict[str, Callable[[WebhookApp], Serving]] = {
    "uvicorn": alone,
    "uvicorn, h11": alone_httptools_free,
    "uvicorn, root_path": behind_a_prefix,
    "starlette mount": starlette,
    "fastapi mount": fastapi_mount,
    "fastapi router": fastapi_router,
    "aiohttp": on_aiohttp,
    "raw": raw,
}
every_server = pytest.mark.parametrize("server", SERVERS)
MESSAGE = {"message": "Где заказ?", "phone": "79161112233", "sms_id": "5269156759"}


@every_server
async def test_pushes(server: str, application: Application, no_tasks_left: None) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        for place in (f"{url}/statuses/{SECRET}", f"{url}/{SECRET}"):
            for body, headers in ((JSON_PUSH, JSON), (FORM_PUSH, FORM)):
                answer = await client.post(place, content=body, headers=headers)
                assert (answer.status_code, answer.content) == (200, b""), place
        answer = await client.post(f"{url}/inbound/{SECRET}", data=MESSAGE)
        assert (answer.status_code, answer.content) == (200, b"")
        query = b"message=%C1%E0%EB%E0%ED%F1&phone=79161112233&sms_id=1&shortcode=1234"
        for _ in range(2):
            answer = await client.get(httpx.URL(f"{url}/short-number/{SECRET}").copy_with(query=query))
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/plain; charset=windows-1251"
            assert answer.content == "Ответ 2".encode("cp1251")
            assert answer.headers["content-length"] == "7"
        wrong = await client.post(f"{url}/statuses/{SECRET}x", content=JSON_PUSH, headers=JSON)
        assert wrong.status_code == 404
    assert application.seen == [("8049537157380826112", "Delivered"), ("15166254108", "Delivered")]
    assert [message.text for message in application.messages] == ["Где заказ?", "Баланс"]
    assert application.bad == []


@every_server
async def test_the_documents_calls_to_the_octet(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url:
        path = httpx.URL(url).path.rstrip("/") + f"/statuses/{SECRET}"
        for head, body in ((JSON_HEAD, JSON_PUSH), (FORM_HEAD, FORM_PUSH)):
            line, _, rest = head.partition(b"\r\n")
            octets = line.replace(b"/status_callback_url", path.encode()) + b"\r\n" + rest
            octets += b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            answer = await raw_call(url[: len(url) - len(httpx.URL(url).path.rstrip("/"))], octets + body)
            assert answer.startswith(b"HTTP/1.1 200 OK")
    assert len(application.updates) == 2


@pytest.mark.parametrize("server", [name for name in SERVERS if name != "raw"])
async def test_the_secret_in_the_query_and_other_methods(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, options=WebhookOptions(status_reply=204), **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/statuses?secret={SECRET}", content=JSON_PUSH, headers=JSON)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-type" not in answer.headers
        answer = await client.get(f"{url}/inbound", params={"secret": SECRET, **MESSAGE})
        assert answer.status_code == 200
        assert application.messages[0].raw == MESSAGE
        assert (await client.post(f"{url}/statuses?secret=", content=JSON_PUSH)).status_code == 404
        assert (await client.get(f"{url}/statuses/{SECRET}")).status_code == 405
        assert (await client.put(f"{url}/inbound/{SECRET}")).status_code == 405
        assert (await client.get(f"{url}/elsewhere/{SECRET}")).status_code == 404
        assert (await client.get(f"{url}/inbound/{SECRET}/more")).status_code == 404


@every_server
async def test_many_at_once(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:

        async def push(number: int) -> int:
            body = {"sms_id": str(number), "status": "Delivered", "delivery_date": "2025-12-06 12:31:00"}
            return (await client.post(f"{url}/statuses/{SECRET}", data=body)).status_code

        assert set(await asyncio.gather(*(push(number % 20) for number in range(60)))) == {200}
    assert len(application.updates) == 20


async def test_fastapis_dependencies(application: Application) -> None:
    receiver = Receiver(secret=SECRET, quarantine=application.quarantine)
    app = FastAPI()
    updates_of = Annotated[tuple[StatusUpdate, ...], Depends(status_updates(receiver))]
    message_of = Annotated[InboundMessage | None, Depends(inbound_message(receiver))]

    # FastAPI reads annotations from the module; these live here.
    async def statuses(updates: Any) -> None:
        await application.statuses(updates)

    async def inbound(message: Any) -> str:
        return "" if message is None else f"Ваш текст: {message.text}"

    statuses.__annotations__ = {"updates": updates_of, "return": None}
    inbound.__annotations__ = {"message": message_of, "return": str}
    app.post("/statuses/{secret}", status_code=204)(statuses)
    app.api_route("/inbound/{secret}", methods=["GET", "POST"], response_class=PlainTextResponse)(inbound)

    async with uvicorn_serving(app) as url, httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/statuses/{SECRET}", content=JSON_PUSH, headers=JSON)
        assert (answer.status_code, answer.content) == (204, b"")
        assert application.seen == [("8049537157380826112", "Delivered")]
        answer = await client.post(f"{url}/statuses/{SECRET}", content=b"[5]", headers=JSON)
        assert answer.status_code == 204
        answer = await client.get(f"{url}/inbound/{SECRET}", params=MESSAGE)
        assert answer.text == "Ваш текст: Где заказ?"
        answer = await client.get(f"{url}/inbound/{SECRET}", params={"message": "a"})
        assert (answer.status_code, answer.text) == (200, "")
        assert len(application.bad) == 2
        for path in ("statuses", "inbound"):
            assert (await client.post(f"{url}/{path}/{SECRET}x", content=JSON_PUSH)).status_code == 404
            answer = await client.post(f"{url}/{path}/{SECRET}", content=b"x" * 300_000)
            assert answer.status_code == 413


async def test_uvicorn_on_a_unix_socket(application: Application, tmp_path: Any) -> None:
    import uvicorn

    options = WebhookOptions(networks=("192.0.2.0/24",), proxies=("unix",))
    app = WebhookApp(secret=SECRET, options=options, **application.handlers)
    where = str(tmp_path / "push.sock")
    server = uvicorn.Server(uvicorn.Config(app, uds=where, log_config=None, proxy_headers=False))
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0)
    try:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=where)) as client:
            for forwarded, status in (("192.0.2.1", 200), ("198.51.100.1", 404), ("192.0.2.1, 198.51.100.1", 404)):
                answer = await client.post(
                    f"http://x/{SECRET}", content=JSON_PUSH, headers={**JSON, "x-forwarded-for": forwarded}
                )
                assert answer.status_code == status, forwarded
    finally:
        server.should_exit = True
        await task


async def test_a_websocket_is_closed_and_the_app_lives(application: Application) -> None:
    app = WebhookApp(secret=SECRET, **application.handlers)
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await app({"type": "websocket", "path": "/"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]


@pytest.mark.parametrize("server", ["uvicorn", "fastapi router", "aiohttp"])
async def test_a_caller_that_leaves_in_the_middle(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        parts = httpx.URL(url)
        _, writer = await asyncio.open_connection(LOCAL, parts.port)
        path = parts.path.rstrip("/") + f"/statuses/{SECRET}"
        writer.write(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[" % path.encode())
        await writer.drain()
        while not receiver._requests:
            await asyncio.sleep(0)
        writer.transport.abort()
        while receiver._requests:
            await asyncio.sleep(0)
        answer = await client.post(f"{url}/{SECRET}", content=JSON_PUSH, headers=JSON)
        assert answer.status_code == 200
    assert len(application.updates) == 1
