"""``sms-traffic sandbox``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sms_traffic_async.cli.output import Exit
from sms_traffic_async.sandbox.serve import ServeOptions, serve

NAME = "sandbox"
__all__ = ("NAME", "command")


async def command(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, Parameter(help="HTTP of node 1; 0 takes a free one. [default: 8725]")] = None,
    port2: Annotated[int | None, Parameter(help="HTTP of node 2. [default: 8726]")] = None,
    smtp_port: Annotated[int | None, Parameter(help="E-mail; 0 takes a free one. [default: 2525]")] = None,
    port_file: Annotated[Path | None, Parameter(help="Write the URLs here as JSON once they listen.")] = None,
    profile: Annotated[
        str | None, Parameter(help="Faults: healthy, flaky, throttled, slow, dead-node or malformed.")
    ] = None,
    seed: Annotated[str | None, Parameter(help="Seed of the faults.")] = None,
    proxied: Annotated[
        bool | None, Parameter(negative="", help="Put a byte-level fault proxy before every port.")
    ] = None,
) -> int:
    """Serve the local platform until Ctrl-C.

    Every option is also an environment variable, SMS_TRAFFIC_SANDBOX_PORT and so on. It prints the variables that
    lead a client to it.
    """
    options = ServeOptions.from_env(
        host=host,
        port=port,
        port2=port2,
        smtp_port=smtp_port,
        port_file=port_file,
        profile=profile,
        seed=seed,
        proxied=proxied,
    )
    await serve(options)
    return Exit.DONE
