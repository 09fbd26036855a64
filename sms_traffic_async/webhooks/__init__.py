"""What the platform pushes to your server: statuses, inbound messages, short numbers.

::

    from sms_traffic_async.webhooks import WebhookApp

    async def store(updates): ...          # returning means: we have them

    app = WebhookApp(secret=SECRET, statuses=store)

``WebhookApp`` is an ASGI application (uvicorn, Starlette's ``Mount``, FastAPI's
``mount``); ``webhooks.fastapi`` has a router and typed dependencies,
``webhooks.aiohttp`` a ``register(app, path, receiver)``; from anything else call
``await receiver.status(body, headers, peer, secret=...)``.

Register ``https://your.host/mount/statuses/SECRET`` with the platform's support;
inbound messages go to ``/mount/inbound/SECRET``, for a GET
``…/inbound/SECRET?message={{message}}&phone={{phone}}&sms_id={{sms_id}}``, short
numbers to ``/mount/short-number/SECRET``. Use https only, and keep the URL out of
your access log (``AccessLogFilter``, or no log for these paths).

Behind a proxy, name it: ``WebhookOptions(networks=..., proxies=("10.0.0.5",))``,
and let the server not rewrite the peer itself (``uvicorn --no-proxy-headers``).
"""

from __future__ import annotations

from sms_traffic_async.protocols.pushes import BadItem, PushKind
from sms_traffic_async.webhooks.access_log import AccessLogFilter
from sms_traffic_async.webhooks.app import WebhookApp
from sms_traffic_async.webhooks.desks import HandlerFailed
from sms_traffic_async.webhooks.exchange import Disconnected, Incoming, NotTaken, Reply
from sms_traffic_async.webhooks.options import WebhookOptions
from sms_traffic_async.webhooks.receiver import PushReceived, Receiver

__all__ = (
    "AccessLogFilter",
    "BadItem",
    "Disconnected",
    "HandlerFailed",
    "Incoming",
    "NotTaken",
    "PushKind",
    "PushReceived",
    "Receiver",
    "Reply",
    "WebhookApp",
    "WebhookOptions",
)
