"""``sms-traffic sandbox``: the local platform, and what subscribers and the platform do there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter

from sms_traffic_async.cli import sandbox_inbox
from sms_traffic_async.cli.control import Running, sandbox_at
from sms_traffic_async.cli.output import Exit, Output

NAME = "sandbox"
__all__ = ("NAME", "app")

app: cyclopts.App = cyclopts.App(
    name=NAME,
    help="Serve the local platform until Ctrl-C; look into a running one, write as a subscriber, push statuses.",
)

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object, errors too.")]


@app.default
async def serve_it(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, Parameter(help="HTTP of node 1; 0: free ports for all. [default: 8725]")] = None,
    port2: Annotated[int | None, Parameter(help="HTTP of node 2. [default: 8726]")] = None,
    smtp_port: Annotated[int | None, Parameter(help="E-mail. [default: 2525]")] = None,
    smpp_port: Annotated[int | None, Parameter(help="SMPP of node 1 without TLS. [default: 4442]")] = None,
    smpp_port2: Annotated[int | None, Parameter(help="SMPP of node 2 without TLS. [default: 4452]")] = None,
    smpp_tls_port: Annotated[int | None, Parameter(help="SMPP of node 1 over TLS. [default: 4441]")] = None,
    smpp_tls_port2: Annotated[int | None, Parameter(help="SMPP of node 2 over TLS. [default: 4451]")] = None,
    smpp_ca_file: Annotated[
        Path | None, Parameter(help="Write the certificate authority of SMPP over TLS here, to be trusted by clients.")
    ] = None,
    config: Annotated[
        Path | None, Parameter(help="A TOML file with accounts, numbers, switches and pace to begin with.")
    ] = None,
    data: Annotated[
        Path | None, Parameter(help="Keep messages, logs and accounts in this SQLite file across restarts.")
    ] = None,
    record: Annotated[Path | None, Parameter(help="Write everything that happens to this file, for replay.")] = None,
    port_file: Annotated[Path | None, Parameter(help="Write the URLs here as JSON once they listen.")] = None,
    profile: Annotated[
        str | None, Parameter(help="Faults: healthy, flaky, throttled, slow, dead-node or malformed.")
    ] = None,
    seed: Annotated[str | None, Parameter(help="Seed of the faults.")] = None,
    proxied: Annotated[
        bool | None, Parameter(negative="", help="Put a byte-level fault proxy in front of every port.")
    ] = None,
    open: Annotated[bool | None, Parameter(negative="", help="Show the inbox page in your browser.")] = None,  # noqa: A002 - the option's name
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
        smpp_port=smpp_port,
        smpp_port2=smpp_port2,
        smpp_tls_port=smpp_tls_port,
        smpp_tls_port2=smpp_tls_port2,
        smpp_ca_file=smpp_ca_file,
        config=config,
        data=data,
        record=record,
        open=open,
        port_file=port_file,
        profile=profile,
        seed=seed,
        proxied=proxied,
    )
    await serve(options, write=_json_writer(Output(json=True)) if json else None)
    return Exit.DONE


@app.command(name="replay")
async def replay_it(
    recording: Annotated[Path, Parameter(help="What --record wrote.")],
    /,
    *,
    fast: Annotated[bool, Parameter(negative="", help="Move the clock: hours take moments.")] = False,
    config: Annotated[
        Path | None, Parameter(help="A TOML file to begin with: where an account's pushes go, for example.")
    ] = None,
    port: Annotated[int | None, Parameter(help="HTTP of node 1; 0 takes free ports for everything.")] = None,
    open: Annotated[bool | None, Parameter(negative="", help="Show the inbox page in your browser.")] = None,  # noqa: A002 - the option's name
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print a JSON object once it listens, and at the end.")
    ] = False,
) -> int:
    """Serve a fresh platform where a recorded run happens again: messages, statuses, answers, faults, pushes to you."""
    from sms_traffic_async.sandbox.serve import ServeOptions, serve

    options = ServeOptions.from_env(replay=recording, fast=fast, config=config, port=port, open=open)
    await serve(options, write=_json_writer(Output(json=True)) if json else None)
    return Exit.DONE


@app.command(name="mo")
async def inbound(
    sender: Annotated[str, Parameter(help="The subscriber's number.")],
    text: Annotated[str, Parameter(allow_leading_hyphen=True, help="What they write.")],
    /,
    *,
    to: Annotated[str, Parameter(help="Your number, or a short number.")] = "3299",
    url: Annotated[
        str | None, Parameter(help="Your script for inbound messages, from now on, as the cabinet would set it.")
    ] = None,
    node: Running = None,
    json: Json = False,
) -> int:
    """Write to your number as a subscriber: a running sandbox delivers it by every way that is set."""
    output = Output(json=json)
    async with sandbox_at(node) as control:
        if url is not None:
            await control.push_to(inbound=url)
        message = await control.call("POST", "inbound", {"from": sender, "to": to, "text": text})
        calls = (await control.call("GET", f"pushes?message={message['id']}"))["calls"]
    record = {name: message[name] for name in ("id", "from", "to", "text", "parts", "encoding")}
    # The API calls the subscriber "to", of whichever direction the message is.
    record |= {"from": message["to"], "to": message["from"], "deliveries": [_delivery(call) for call in calls]}
    output.records([record], ("id", "from", "to", "text"))
    _print_deliveries(output, calls)
    return Exit.DONE


@app.command(name="push")
async def push(
    message_id: Annotated[str | None, Parameter(help="The message; without it, the newest one.")] = None,
    /,
    *,
    status: Annotated[str | None, Parameter(help="Another status than it has, such as Read.")] = None,
    url: Annotated[
        str | None, Parameter(help="Your script for statuses, from now on, as support would set it.")
    ] = None,
    node: Running = None,
    json: Json = False,
) -> int:
    """Have a running sandbox push the status of a message now; it exits with 3 where your script did not take it."""
    output = Output(json=json)
    body = {name: value for name, value in (("id", message_id), ("status", status)) if value is not None}
    async with sandbox_at(node) as control:
        if url is not None:
            await control.push_to(statuses=url)
        call = await control.call("POST", "pushes", body)
    if json:
        output.record(call)
    else:
        output.say(call["body"])
        _print_deliveries(output, [call])
    return Exit.DONE if call["state"] == "delivered" else Exit.SOME_FAILED


for _name, _command in (
    ("inbox", sandbox_inbox.inbox),
    ("wait", sandbox_inbox.wait),
    ("code", sandbox_inbox.newest_code),
    ("reset", sandbox_inbox.reset),
    ("faults", sandbox_inbox.faults),
    ("advance", sandbox_inbox.advance),
):
    app.command(_command, name=_name)


def _delivery(call: Mapping[str, Any]) -> dict[str, Any]:
    last = call["attempts"][-1] if call["attempts"] else {"status": None, "error": ""}
    return {name: call[name] for name in ("id", "kind", "state", "url")} | {
        "status": last["status"],
        "error": last["error"] or None,
    }


def _print_deliveries(output: Output, calls: Sequence[Mapping[str, Any]]) -> None:
    if output.json:
        return
    for call in map(_delivery, calls):
        said = call["status"] if call["status"] is not None else call["error"] or "no answer yet"
        output.note(f"{call['kind']} {call['state']}: {said}")


def _json_writer(output: Output) -> Callable[[str], None]:
    """Makes one object of the lines that ``serve`` says: ``node 1  URL``, ``export NAME=value``, ``ready``."""
    nodes: list[str] = []
    environment: dict[str, str] = {}
    places: dict[str, str] = {}

    def write(line: str) -> None:
        name, equals, value = line.removeprefix("export ").partition("=")
        place = line.split()
        if line == "ready":
            output.record({"event": line, "nodes": nodes, **places, "environment": environment})
        elif place[0] in {"replayed", "data", "record"}:
            output.record({"event": place[0], "text": line})
        elif len(place) == 1 and not equals:
            output.record({"event": line})
        elif place[0] == "node":
            nodes.append(place[-1])
        elif equals and name.isupper():
            environment[name] = value
        else:
            places[place[0]] = place[-1]

    return write
