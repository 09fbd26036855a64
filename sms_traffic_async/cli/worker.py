"""``sms-traffic worker``: send what an outbox holds, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli.connect import WorkerCarrier
from sms_traffic_async.cli.logs import warnings_shown
from sms_traffic_async.cli.outbox import KEY_VARIABLE, VARIABLE, At
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.cli.signals import signals
from sms_traffic_async.outbox.health import serve_health
from sms_traffic_async.outbox.store import State

NAME = "worker"
__all__ = ("NAME", "command")

PORT_MAX = 65_535
LONGEST_GRACE = 3_600


async def command(
    *,
    outbox: Annotated[
        str | None, Parameter(help=f"The outbox, instead of {VARIABLE}; {KEY_VARIABLE} decrypts it.")
    ] = None,
    until_empty: Annotated[bool, Parameter(negative="", help="End when nothing is left to do.")] = False,
    grace: Annotated[
        float,
        Parameter(validator=Number(gte=0, lte=LONGEST_GRACE), help="Seconds for what is under way, when told to stop."),
    ] = 30.0,
    lease: Annotated[
        float,
        Parameter(
            validator=Number(gt=0, lte=LONGEST_GRACE), help="Seconds after which a silent worker's work is taken."
        ),
    ] = 30.0,
    health_port: Annotated[
        int | None, Parameter(validator=Number(gte=0, lte=PORT_MAX), help="Serve GET /health on this port.")
    ] = None,
    health_host: Annotated[str, Parameter(help="Address of the health page; 0.0.0.0 for all.")] = "127.0.0.1",
    connect: WorkerCarrier | None = None,
) -> int:
    """Send what an outbox holds. Ctrl-C or SIGTERM ends it in order: what is under way ends first.

    Exits with 0 after an orderly end, also if messages wait; with 6 if some are unknown after --until-empty.
    """
    options = connect or WorkerCarrier()
    output = Output(json=options.json)
    stop = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(warnings_shown(output))
        at = At(outbox=outbox, json=options.json)
        if at.absent():
            output.note(f"{at.absent()} was not there: this is a new outbox")
        box = await stack.enter_async_context(at.open(new=True))
        sms = await stack.enter_async_context(options.session())
        if health_port is not None:
            port = await stack.enter_async_context(serve_health(box, health_host, health_port))
            output.note(f"health: http://{health_host}:{port}/health")
        # The first signal ends it in order; the second as if nobody had asked for that.
        stack.enter_context(signals(stop.set, once=True))
        output.note("the worker runs; Ctrl-C ends it")
        await box.run(sms, via=options.via, lease=lease, until_empty=until_empty, stop=stop, grace=grace)
        counts = await box.counts()
    rows = [{"state": one.value, "messages": counts[one]} for one in State if one in counts]
    if rows or output.json:
        output.records(rows, ("state", "messages"))
    else:
        output.say("nothing was waiting")
    return Exit.UNKNOWN if until_empty and counts.get(State.UNKNOWN) else Exit.DONE
