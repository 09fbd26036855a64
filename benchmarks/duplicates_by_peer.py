"""How many SMS go out when the platform takes one and then misbehaves.

One message is sent by each client, with its own defaults and its own retries,
to a platform that takes every message it reads and then: closes the connection,
answers 503, or sends garbage; and to one that refuses the first request with 429
and ``Retry-After: 1`` (where 0 means that nobody sent it again). A request that
carries a key which the platform has seen (``restrictiveId``, ``Idempotency-Key``)
is no second SMS. Wanted: 1 in every column for us.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import socket
import ssl
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Asked, finish, parse_args, version
from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import SendError

TO, TEXT = "79161112233", "Your code is 1234"
FAULTS = ("closed", "503", "garbage", "429")
SECONDS = 30.0

Peer: TypeAlias = Callable[[str, str], Coroutine[Any, Any, None]]


class Platform:
    """Takes messages, and then does what it is told. One thread a connection."""

    def __init__(self, fault: str, context: ssl.SSLContext | None = None) -> None:
        self.fault = fault
        self.requests = 0
        self.keys: dict[str, str] = {}
        self.taken: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError), sock:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as stream:
                while True:
                    line = stream.readline().decode("latin-1")
                    if not line:
                        return
                    headers: dict[str, str] = {}
                    while (field := stream.readline().decode("latin-1").strip()) != "":
                        name, _, value = field.partition(":")
                        headers[name.lower()] = value.strip()
                    body = stream.read(int(headers.get("content-length", "0")))
                    answer = self._answer(line, headers, body)
                    if answer is None:
                        return
                    sock.sendall(answer)

    def _answer(self, line: str, headers: dict[str, str], body: bytes) -> bytes | None:
        with self._lock:
            if "/v2/statuses/list" in line:
                wanted = json.loads(body)["trackingData"]
                found = [(key, label) for key, label in self.taken if label in wanted]
                rows = [{"smsId": key, "trackingData": label, "status": ""} for key, label in found]
                return _http(200, {"success": True, "data": rows})
            self.requests += 1
            if self.fault == "429" and self.requests == 1:
                return _http(429, {}, "Retry-After: 1\r\n")
            document: dict[str, Any] = {}
            with suppress(ValueError):
                document = json.loads(body)
            key = headers.get("idempotency-key") or document.get("restrictiveId")
            if key is not None and key in self.keys:
                if "restrictiveId" in document:
                    return _http(200, {"success": False, "error": {"code": 105, "message": "Duplicated request"}})
            else:
                message_id = str(1046379029789147161 + len(self.taken))
                self.keys[key or message_id] = message_id
                destinations = document.get("destinations") or [{}]
                self.taken.append((message_id, str(destinations[0].get("trackingData"))))
            match self.fault:
                case "closed":
                    return None
                case "503":
                    return _http(503, {})
                case "garbage":
                    return b"<html>proxy error</html>\r\n\r\n"
                case _:
                    return _http(200, _good(document, self.taken[-1]))


def _good(document: dict[str, Any], taken: tuple[str, str]) -> dict[str, Any]:
    """An answer that each of the clients understands."""
    rows = [{"phone": one["to"], "id": taken[0], "trackingData": taken[1]} for one in document.get("destinations", ())]
    return {"success": True, "destinations": rows, "sid": "SM1", "message-count": "1", "id": "1", "object": "list",
            "data": [], "messages": [{"to": TO, "message-id": "1", "status": "0", "remaining-balance": "1",
                                      "message-price": "1", "network": "1"}]}  # fmt: skip


def _http(status: int, document: dict[str, Any], more: str = "") -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def body() -> dict[str, Any]:
    return {"channels": {"sms": {"message": TEXT}}, "destinations": [{"to": int(TO)}]}


async def ours(http: str, _https: str) -> None:
    async with SmsTraffic(nodes=[http], api_key="1/benchmark") as sms:
        await sms.send(TO, TEXT)


async def vonage(_http: str, https: str) -> None:
    library = importlib.import_module("vonage")
    client = library.Vonage(
        auth=library.Auth(api_key="key", api_secret="secret"),
        http_client_options=library.HttpClientOptions(rest_host=https.removeprefix("https://")),
    )
    message = importlib.import_module("vonage_sms").SmsMessage(to=TO, from_="shop", text=TEXT)
    await asyncio.to_thread(client.sms.send, message)


async def twilio(http: str, _https: str, *, retries: int | None = None) -> None:
    clients = importlib.import_module("twilio.http.async_http_client")

    class Routed(clients.AsyncTwilioHttpClient):  # type: ignore[name-defined,misc]  # imported at run time
        async def request(self, method: str, url: str, *more: Any, **named: Any) -> Any:
            return await super().request(method, http + url.partition("twilio.com")[2], *more, **named)

    carrier = Routed(max_retries=retries)
    try:
        client = importlib.import_module("twilio.rest").Client("AC" + "0" * 32, "token", http_client=carrier)
        await client.messages.create_async(to=f"+{TO}", from_="shop", body=TEXT)
    finally:
        await carrier.close()


async def twilio_retrying(http: str, https: str) -> None:
    await twilio(http, https, retries=4)


async def stripe(http: str, _https: str) -> None:
    library = importlib.import_module("stripe")
    client = library.StripeClient(
        "sk_test", base_addresses={"api": http}, max_network_retries=2, http_client=library.HTTPXClient()
    )
    await client.v1.customers.create_async({"name": "shop"})


async def openai(http: str, _https: str) -> None:
    library = importlib.import_module("openai")
    async with library.AsyncOpenAI(api_key="key", base_url=http) as client:
        await client.embeddings.create(input=TEXT, model="model")


async def bare_httpx(http: str, _https: str) -> None:
    httpx = importlib.import_module("httpx")
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=3)) as client:
        (await client.post(f"{http}/v2/send", json=body())).raise_for_status()


async def bare_aiohttp(http: str, _https: str) -> None:
    async with importlib.import_module("aiohttp").ClientSession() as client:
        (await client.post(f"{http}/v2/send", json=body())).raise_for_status()


async def aiohttp_retry(http: str, _https: str) -> None:
    library = importlib.import_module("aiohttp_retry")
    options = library.ExponentialRetry(attempts=4, start_timeout=0.05)
    async with library.RetryClient(retry_options=options) as client:
        (await client.post(f"{http}/v2/send", json=body())).raise_for_status()


PEERS: dict[str, tuple[str, Peer]] = {
    "sms-traffic-async": ("httpx", ours),
    "vonage": ("vonage", vonage),
    "twilio async": ("twilio", twilio),
    "twilio async, max_retries=4": ("twilio", twilio_retrying),
    "stripe, max_network_retries=2": ("stripe", stripe),
    "openai": ("openai", openai),
    "httpx, retries=3": ("httpx", bare_httpx),
    "aiohttp": ("aiohttp", bare_aiohttp),
    "aiohttp-retry, attempts=4": ("aiohttp-retry", aiohttp_retry),
}


@contextmanager
def certificate() -> Iterator[ssl.SSLContext]:
    """A server's context; ``requests`` is told of its authority by the environment."""
    trustme = importlib.import_module("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "authority.pem"
        authority.cert_pem.write_to_path(str(path))
        os.environ["REQUESTS_CA_BUNDLE"] = str(path)
        try:
            yield context
        finally:
            del os.environ["REQUESTS_CA_BUNDLE"]


def sent_by(peer: Peer, fault: str, context: ssl.SSLContext) -> dict[str, Any]:
    """What became of one message."""
    plain, secure = Platform(fault), Platform(fault, context)

    async def main() -> str:
        try:
            async with asyncio.timeout(SECONDS):
                await peer(f"http://127.0.0.1:{plain.port}", f"https://127.0.0.1:{secure.port}")
        except SendError as error:
            return error.outcome.value
        except Exception as error:  # noqa: BLE001 - a peer's errors are all of its own
            return type(error).__name__
        return "ok"

    told = asyncio.run(main())
    plain.close()
    secure.close()
    return {
        "sms": len(plain.taken) + len(secure.taken),
        "requests": plain.requests + secure.requests,
        "told": told,
    }


def main() -> int:
    options = parse_args(__doc__ or "")
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # what peers have to say to each other
    table: dict[str, dict[str, dict[str, Any]]] = {}
    with certificate() as context:
        for name, (package, peer) in PEERS.items():
            if version(package) is None:
                options.say(f"{name}: {package} is not installed, left out")
                continue
            table[name] = {fault: sent_by(peer, fault, context) for fault in FAULTS}
            cells = [
                f"{fault}: {one['sms']} SMS, {one['requests']} requests, {one['told']}"
                for fault, one in table[name].items()
            ]
            options.say(f"{name:>30} | {' | '.join(cells)}")
    worst = {name: max(one["sms"] for one in row.values()) for name, row in table.items()}
    mine = [one["sms"] for one in table["sms-traffic-async"].values()]
    finish(
        "duplicates_by_peer",
        {name: float(sms) for name, sms in worst.items() if name != "sms-traffic-async"},
        {
            "sms": table,
            "versions": {package: version(package) for package, _ in PEERS.values()},
        },
        asked=[Asked(figure="our SMS in the worst case", measured=max(mine), at_most=1)],
    )
    return int(mine != [1] * len(FAULTS))


if __name__ == "__main__":
    raise SystemExit(main())
