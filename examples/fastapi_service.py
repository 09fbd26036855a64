"""A FastAPI service that sends one-time codes, and says honestly what became of each.

    pip install 'sms-traffic-async[fastapi]' uvicorn
    export SMS_TRAFFIC_API_KEY=public/secret
    export SMS_TRAFFIC_WEBHOOK_SECRET=...  # for pushes: python -c 'import secrets; print(secrets.token_urlsafe(24))'
    uvicorn examples.fastapi_service:app --no-access-log --no-proxy-headers

Without an account: ``sms-traffic sandbox`` prints the variables to export.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, Field

from sms_traffic_async import (
    DeadlineExceeded,
    DuplicateRequest,
    InvalidMessage,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SmsTraffic,
)

SECONDS_TO_LIVE = 120
"""A code that comes later is of no use: it is not sent any more."""
SECONDS_TO_ANSWER = 10


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One session for the whole process: requests share its connections and, under load, its requests."""
    async with SmsTraffic.from_env() as sms:
        app.state.sms = sms
        app.state.codes = {}
        secret = os.environ.get("SMS_TRAFFIC_WEBHOOK_SECRET")
        if secret:
            # The platform is given https://your.host/sms/statuses/SECRET. It tells of every status at once; without
            # it, wait_for asks. An access log would show the secret: --no-access-log, or webhooks.AccessLogFilter.
            app.mount("/sms", sms.webhooks(secret=secret))
        yield


app = FastAPI(title="One-time codes", lifespan=lifespan)


def session(request: Request) -> SmsTraffic:
    """The session of this process."""
    found: SmsTraffic = request.app.state.sms
    return found


Sms = Annotated[SmsTraffic, Depends(session)]


class CodeRequest(BaseModel):
    """Who wants a code; ``attempt`` is the id of this press of the button, the same in a repeat of the request.

    Without one a repeat sends the code again, and codes that are asked for at the same time share requests.
    """

    phone: str
    attempt: str | None = Field(None, min_length=1, max_length=200)


class CodeAnswer(BaseModel):
    """What became of it. ``maybe`` means: wait for it, and do not ask for another at once."""

    outcome: str
    message_id: str | None = None


@app.post("/codes", status_code=202)
async def send_code(order: CodeRequest, request: Request, sms: Sms) -> CodeAnswer:
    """Send a code; a repeat of the request with the same ``attempt`` sends nothing more."""
    # Kept before it is sent: a repeat has to send the same one. With several processes this is a table of yours.
    code = request.app.state.codes.setdefault(order.attempt or order.phone, f"{secrets.randbelow(10_000):04d}")
    try:
        sent = await sms.send(
            order.phone,
            f"Ваш код {code}",
            key=order.attempt,
            expires_in=SECONDS_TO_LIVE,
            timeout=SECONDS_TO_ANSWER,
        )
    except InvalidMessage as error:
        raise HTTPException(422, detail={"field": error.field, "rule": error.rule}) from None
    except DuplicateRequest as error:
        return CodeAnswer(outcome="sent", message_id=error.message_ids[0])  # by the request before
    except OutcomeUnknown:
        # An SMS may be on its way. Sending another would be a second SMS, so the user is told to wait.
        return CodeAnswer(outcome="maybe")
    except NotSent as error:
        # Provably nothing left: the client may try again.
        raise HTTPException(503, detail=error.reason, headers={"Retry-After": "5"}) from None
    except Rejected as error:
        # error.advice is for the operator (no money, no such sender …), and not for the user.
        raise HTTPException(502, detail={"code": error.code}) from None
    return CodeAnswer(outcome="sent", message_id=sent.message_id)


@app.get("/messages/{message_id}")
async def status(message_id: str, sms: Sms) -> dict[str, Any]:
    """Ask the platform what became of a message."""
    reply = await sms.v2.statuses([message_id])
    if not reply.found:
        raise HTTPException(404, detail="unknown to the platform, or not yet known")
    found = reply.found[0]
    return {"status": str(found.status) or None, "final": found.is_final}  # none yet: it is on its way


@app.get("/messages/{message_id}/end")
async def end(message_id: str, sms: Sms, wait: Annotated[float, Query(gt=0, le=60)] = 30) -> dict[str, Any]:
    """Wait until it is known what became of a message: by a push or by asking, whichever tells first."""
    try:
        update = await sms.wait_for(message_id, timeout=wait)
    except DeadlineExceeded as error:
        return {"status": None if error.last is None else str(error.last.status), "final": False}
    except InvalidMessage:
        raise HTTPException(404, detail="no message can have such an id") from None
    return {"status": str(update.status), "final": True, "told_by": update.source}


@app.post("/messages/{message_id}/checked", status_code=204, response_model=None)
async def checked(message_id: str, sms: Sms) -> None:
    """The code was used: tell the platform. Calls at the same time share a request."""
    await sms.mark_checked(message_id)
