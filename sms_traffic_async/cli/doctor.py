"""``sms-traffic doctor``."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from rich.markup import escape

from sms_traffic_async.cli import mail
from sms_traffic_async.cli.connect import SMPP_VARIABLE, Looking, smpp_servers
from sms_traffic_async.cli.doctor_check import Check, failed, timed
from sms_traffic_async.cli.output import Exit, Output, printable
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.settings import Node, Settings
from sms_traffic_async.settings_smpp import SMPP_SERVERS, SmppServer
from sms_traffic_async.tls import default_context

NAME = "doctor"
__all__ = ("NAME", "command")

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}
_ONE = {"ok": "ok", "warn": "warning", "fail": "failure", "skip": "skipped"}
_WORDS = {"ok": "ok", "warn": "warnings", "fail": "failures", "skip": "skipped"}


async def command(*, looking: Looking | None = None) -> int:
    """Check everything that sending needs, and say what to fix. Sends nothing.

    Exits with 0 when nothing failed, with 4 for credentials or configuration, with 1 for the rest.
    """
    options = looking or Looking()
    output = Output(json=options.json)
    found: list[Check] = []
    async for check in _checks(options):
        found.append(check)
        _show(check, output)
    counts = {verdict: sum(check.verdict == verdict for check in found) for verdict in _WORDS}
    output.say(
        ", ".join(
            f"{count} {_WORDS[verdict] if count > 1 else _ONE[verdict]}" for verdict, count in counts.items() if count
        )
    )
    codes = {check.code for check in found if check.verdict == "fail"}
    if not codes:
        return Exit.DONE
    return Exit.CONFIGURATION if Exit.CONFIGURATION in codes else min(codes)


def _show(check: Check, output: Output) -> None:
    if output.json:
        output.record(check.record())
        return
    style = _STYLES[check.verdict]
    about = f"{check.name} {check.target}".strip()
    output.out.print(f"[{style}]{check.verdict:4}[/]  {escape(printable(about))}: {escape(printable(check.said))}")
    if check.fix:
        output.out.print(f"      [dim]->[/] {escape(printable(check.fix))}")
    output.out.file.flush()


async def _checks(options: Looking) -> AsyncIterator[Check]:
    from sms_traffic_async.cli.doctor_local import local_checks

    for check in local_checks():
        yield check
    try:
        settings = options.settings()
    except ConfigurationError as error:
        settings = None
        yield failed("settings", "", error)
    if settings is None:
        return
    tls = await asyncio.to_thread(default_context)
    parts = [_node(settings, node, tls, options.timeout) for node in settings.nodes]
    parts += [_soap(settings, tls, options.timeout), _smpp(settings, options, tls), _mail(options.timeout)]
    # All hosts at once: a dead one costs its time once. Shown in order.
    tasks = [asyncio.create_task(part, name="doctor") for part in parts]
    try:
        for task in tasks:
            for check in await task:
                yield check
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _in_turn(
    protocol: str, steps: Sequence[tuple[str, str, Callable[[], Awaitable[Check]]]], limit: float
) -> list[Check]:
    """One after the other, until one fails: what follows could not go better."""
    found: list[Check] = []
    for name, target, look in steps:
        check = await timed(name, target, limit, look)
        found.append(replace(check, name=f"{protocol} {name}"))
        if check.verdict == "fail":
            break
    return found


async def _node(settings: Settings, node: Node, tls: ssl.SSLContext, limit: float) -> list[Check]:
    from sms_traffic_async.cli import doctor_net as net
    from sms_traffic_async.cli import doctor_platform as platform

    host, port, secure = net.address(node.url)
    over = tls if secure else None
    found = await _in_turn(
        "http",
        [
            ("name", host, lambda: net.names(host, port)),
            ("connection", node.name, lambda: net.connection(node.name, host, port, over)),
            ("clock", node.name, lambda: net.skew(node.name, node.url, over)),
        ],
        limit,
    )
    if found[-1].verdict == "fail":
        return found

    async def balance(via: Literal["v2", "v1"]) -> None:
        found.append(await timed(f"balance {via}", node.name, limit + 1, lambda: platform.balance(settings, node, via)))

    if settings.credentials.api_key is not None:
        await balance("v2")
    if settings.credentials.login is not None:
        await balance("v1")
    return found


async def _soap(settings: Settings, tls: ssl.SSLContext, limit: float) -> list[Check]:
    from sms_traffic_async.cli import doctor_net as net
    from sms_traffic_async.cli import doctor_platform as platform

    if settings.soap == Settings().soap and settings.nodes != Settings().nodes:
        said, fix = "SOAP has servers of its own", "name them: SMS_TRAFFIC_SOAP_URL or --soap-url"
        return [Check(name="soap wsdl", target="", verdict="skip", said=said, fix=fix)]
    node = settings.soap.nodes[0]
    host, port, secure = net.address(node.url)
    over = tls if secure else None
    return await _in_turn(
        "soap",
        [
            ("name", host, lambda: net.names(host, port)),
            ("connection", node.name, lambda: net.connection(node.name, host, port, over)),
            ("wsdl", node.name, lambda: platform.wsdl(settings, node.url, over)),
        ],
        limit,
    )


async def _smpp(settings: Settings, options: Looking, tls: ssl.SSLContext) -> list[Check]:
    urls = smpp_servers(options.smpp_server)
    if not urls and settings.nodes == Settings().nodes:
        urls = SMPP_SERVERS
    if not urls:
        said, fix = "SMPP has servers of its own", f"name them: {SMPP_VARIABLE} or --smpp-server"
        return [Check(name="smpp bind", target="", verdict="skip", said=said, fix=fix)]
    found: list[Check] = []
    for url in urls:
        try:
            server = SmppServer.parse(url)
        except ConfigurationError as error:
            found.append(failed("smpp bind", "", error))
            continue
        found += await _smpp_server(settings, server, tls if server.tls else None, options.timeout)
    return found


async def _smpp_server(
    settings: Settings, server: SmppServer, over: ssl.SSLContext | None, limit: float
) -> list[Check]:
    from sms_traffic_async.cli import doctor_net as net
    from sms_traffic_async.cli import doctor_platform as platform

    steps: list[tuple[str, str, Callable[[], Awaitable[Check]]]] = [
        ("name", server.host, lambda: net.names(server.host, server.port)),
        ("connection", server.name, lambda: net.connection(server.name, server.host, server.port, over)),
    ]
    if settings.credentials.login is not None:
        steps.append(("bind", server.name, lambda: platform.bind(settings, server, over)))
    return await _in_turn("smpp", steps, limit)


async def _mail(limit: float) -> list[Check]:
    from sms_traffic_async.cli import doctor_platform as platform

    if not os.environ.get(mail.RELAY_VARIABLE):
        said = f"no mail server is named ({mail.RELAY_VARIABLE}); only --via smtp needs one"
        return [Check(name="mail server", target="", verdict="skip", said=said)]
    try:
        options = mail.options(relay=None, sender=None, variant=2)
    except ConfigurationError as error:
        return [failed("mail server", "", error)]
    target = f"{options.host}:{options.real_port}"
    return [await timed("mail server", target, limit, lambda: platform.mail_server(options))]
