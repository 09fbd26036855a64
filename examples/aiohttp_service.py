"""An aiohttp service that sends messages and waits for their delivery where it is asked to.

    pip install 'sms-traffic-async[aiohttp]'
    export SMS_TRAFFIC_API_KEY=public/secret
    export SMS_TRAFFIC_WEBHOOK_SECRET=...  # to be told by pushes; without it, wait_for asks
    python examples/aiohttp_service.py --port 8080

Without an account: ``sms-traffic sandbox`` prints the variables to export.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator

from aiohttp import web

from sms_traffic_async import (
    DeadlineExceeded,
    DuplicateRequest,
    InvalidMessage,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SmsTraffic,
)
from sms_traffic_async.webhooks.aiohttp import register

SMS = web.AppKey("sms", SmsTraffic)
LONGEST_WAIT = 60.0


async def sms_session(app: web.Application) -> AsyncIterator[None]:
    """One session for the whole process; leaving it lets what is under way finish."""
    async with app[SMS]:
        yield


async def send(request: web.Request) -> web.Response:
    """``{"phone": "...", "text": "...", "key": "...", "wait": 5}``; ``key`` makes a repeat of this call harmless."""
    body = await request.json()
    sms = request.app[SMS]
    try:
        sent = await sms.send(str(body["phone"]), str(body["text"]), key=body.get("key"))
    except InvalidMessage as error:
        return web.json_response({"error": str(error)}, status=422)
    except DuplicateRequest as error:  # a repeat of a call of which the answer was lost
        return web.json_response({"outcome": "sent", "ids": list(error.message_ids)})
    except OutcomeUnknown as error:
        return web.json_response({"outcome": "maybe", "advice": error.advice}, status=202)
    except NotSent as error:
        return web.json_response({"outcome": "not sent", "reason": error.reason}, status=503)
    except Rejected as error:
        return web.json_response({"outcome": "refused", "code": error.code}, status=502)
    answer = {"outcome": "sent", "ids": list(sent.message_ids)}
    seconds = min(float(body.get("wait", 0)), LONGEST_WAIT)
    if seconds > 0:
        try:
            answer["status"] = str((await sms.wait_for(sent, timeout=seconds)).status)
        except DeadlineExceeded as error:
            answer["status"] = "" if error.last is None else str(error.last.status)
    return web.json_response(answer)


async def balance(request: web.Request) -> web.Response:
    """What is left on the account."""
    return web.json_response({"balance": str((await request.app[SMS].balance()).amount)})


def make_app() -> web.Application:
    app = web.Application()
    app[SMS] = sms = SmsTraffic.from_env()
    secret = os.environ.get("SMS_TRAFFIC_WEBHOOK_SECRET")
    if secret:  # the platform is given https://your.host/sms/statuses/SECRET
        register(app, "/sms", sms.webhooks(secret=secret))
    app.cleanup_ctx.append(sms_session)
    app.add_routes([web.post("/messages", send), web.get("/balance", balance)])
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    # An access log would show the secret of the webhook's path.
    web.run_app(make_app(), host="127.0.0.1", port=parser.parse_args().port, access_log=None)
