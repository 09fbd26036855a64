"""A worker process of the cluster runs: an outbox on PostgreSQL and a session, until it is killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from sms_traffic_async.outbox import worker
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.session import SmsTraffic

__all__ = ("ENVIRONMENT", "main")

ENVIRONMENT = "SMS_CLUSTER_WORKER"


async def main(told: dict[str, Any]) -> None:
    """Work; says ``ready`` when it does."""
    setattr(worker, "LEASE", told["lease"])  # noqa: B010 - a constant of 30 s, and a run has only minutes
    async with (
        SmsTraffic(api_key=told["api_key"], nodes=told["nodes"]) as sms,
        Outbox(told["dsn"]) as outbox,
    ):
        print("ready", flush=True)
        await outbox.run(sms, at_once=told["lanes"], most=told["most"])


if __name__ == "__main__":
    sys.exit(asyncio.run(main(json.loads(os.environ[ENVIRONMENT]))))
