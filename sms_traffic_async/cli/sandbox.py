"""``sms-traffic sandbox``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sms_traffic_async.cli.output import Exit, Output

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
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print a JSON object once it listens, and at the end.")
    ] = False,
) -> int:
    """Serve the local platform until Ctrl-C.

    Every option is also an environment variable, SMS_TRAFFIC_SANDBOX_PORT and so on. It prints the variables that
    lead a client to it.
    """
    from sms_traffic_async.sandbox.serve import ServeOptions, serve

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
    await serve(options, write=_json_writer(Output(json=True)) if json else None)
    return Exit.DONE


def _json_writer(output: Output) -> Callable[[str], None]:
    """Makes one object of the lines that ``serve`` says: ``node 1  URL``, ``NAME=value``, ``ready``."""
    nodes: list[str] = []
    environment: dict[str, str] = {}
    places: dict[str, str] = {}

    def write(line: str) -> None:
        name, equals, value = line.partition("=")
        place = line.split()
        if line == "ready":
            output.record({"event": line, "nodes": nodes, **places, "environment": environment})
        elif len(place) == 1 and not equals:
            output.record({"event": line})
        elif place[0] == "node":
            nodes.append(place[-1])
        elif equals and name.isupper():
            environment[name] = value
        else:
            places[place[0]] = place[-1]

    return write
