"""A FastAPI service that sends one-time codes, and says honestly what became of each.

    pip install 'sms-traffic-async[fastapi]' uvicorn
    export SMS_TRAFFIC_API_KEY=public/secret
    uvicorn examples.fastapi_service:app

Without an account: ``sms-traffic sandbox`` prints the variables to export.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from sms_traffic_async import InvalidMessage, NotSent, OutcomeUnknown, Rejected, SmsTraffic

SECONDS_TO_LIVE = 120
"""A code that comes later is of no use: it is not sent any more."""
SECONDS_TO_ANSWER = 10


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One session for the whole process: requests share its connections and, under load, its requests."""
    async with SmsTraffic.from_env() as sms:
        app.state.sms = sms
        app.state.codes = {}
        yield


app = FastAPI(title="One-time codes", lifespan=lifespan)


def session(request: Request) -> SmsTraffic:
    """The session of this process."""
    found: SmsTraffic = request.app.state.sms
    return found


Sms = Annotated[SmsTraffic, Depends(session)]


class CodeRequest(BaseModel):
    """Who wants a code."""

    phone: str


class CodeAnswer(BaseModel):
    """What became of it. ``maybe`` means: wait for it, and do not ask for another at once."""

    outcome: str
    message_id: str | None = None


@app.post("/codes", status_code=202)
async def send_code(order: CodeRequest, request: Request, sms: Sms) -> CodeAnswer:
    """Send a code."""
    code = f"{secrets.randbelow(10_000):04d}"
    try:
        sent = await sms.send(order.phone, f"Ваш код {code}", expires_in=SECONDS_TO_LIVE, timeout=SECONDS_TO_ANSWER)
    except InvalidMessage as error:
        raise HTTPException(422, detail={"field": error.field, "rule": error.rule}) from None
    except OutcomeUnknown:
        # An SMS may be on its way. Sending another would be a second SMS, so the user is told to wait.
        request.app.state.codes[order.phone] = code
        return CodeAnswer(outcome="maybe")
    except NotSent as error:
        # Provably nothing left: the client may try again.
        raise HTTPException(503, detail=error.reason, headers={"Retry-After": "5"}) from None
    except Rejected as error:
        # error.advice is for the operator (no money, no such sender …), and not for the user.
        raise HTTPException(502, detail={"code": error.code}) from None
    request.app.state.codes[order.phone] = code
    return CodeAnswer(outcome="sent", message_id=sent.message_id)


@app.get("/messages/{message_id}")
async def status(message_id: str, sms: Sms) -> dict[str, Any]:
    """Ask the platform what became of a message."""
    reply = await sms.v2.statuses([message_id])
    if not reply.found:
        raise HTTPException(404, detail="unknown to the platform, or not yet known")
    return {"status": str(reply.found[0].status), "final": reply.found[0].is_final}


# --- status pushes -----------------------------------------------------------
# Instead of asking, let the platform tell: mount sms_traffic_async.webhooks.WebhookApp
# here, and hand it a function that stores what it is given.
