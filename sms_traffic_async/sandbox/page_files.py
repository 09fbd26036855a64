"""The page's files, as they are shipped: no build step, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

from sms_traffic_async.sandbox.http_call import Receive, Scope, Send

__all__ = ("NAMES", "page_file")

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
NAMES: Final = (
    "index.html",
    "style.css",
    "icon.svg",
    "api.js",
    "app.js",
    "copy.js",
    "detail.js",
    "dom.js",
    "keys.js",
    "list.js",
    "panels.js",
    "state.js",
    "words.js",
)


class _File(NamedTuple):
    content: bytes
    media_type: str
    etag: str


@lru_cache(maxsize=len(NAMES))
def _read(name: str) -> _File:
    content = resources.files("sms_traffic_async.sandbox").joinpath("page", name).read_bytes()
    return _File(content, _TYPES[name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:20]}"')


async def page_file(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI application
    """Answer with one of the files: ``/`` or ``/`` and a name of the list; nothing else can be asked for."""
    name = str(scope["path"]).removeprefix("/") or "index.html"
    if name not in NAMES or scope["method"] not in {"GET", "HEAD"}:
        await _answer(send, 404, b"no such page", "text/plain")
        return
    file = _read(name)
    seen: bytes = dict(scope["headers"]).get(b"if-none-match", b"")
    if seen.decode("latin-1") == file.etag:
        await _answer(send, 304, b"", file.media_type, file.etag)
        return
    await _answer(send, 200, file.content if scope["method"] == "GET" else b"", file.media_type, file.etag)


async def _answer(send: Send, status: int, content: bytes, media_type: str, etag: str = "") -> None:
    headers = _HEADERS | {"content-type": media_type, "content-length": str(len(content))}
    if etag:
        headers["etag"] = etag
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
