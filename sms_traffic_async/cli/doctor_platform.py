"""What ``sms-traffic doctor`` asks of the platform: balances, a bind, the WSDL, a mail server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from sms_traffic_async.cli.doctor_check import NETWORK, Check
from sms_traffic_async.cli.doctor_net import fetch
from sms_traffic_async.cli.output import Exit, printable
from sms_traffic_async.protocols.smpp.binding import bind_of
from sms_traffic_async.protocols.smpp.events import BindRefused, Bound, Ended, Event
from sms_traffic_async.protocols.smpp.protocol import Session
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Role
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Node, RetryPolicy, Settings, SmppOptions
from sms_traffic_async.settings_mail import SmtpOptions
from sms_traffic_async.settings_smpp import SmppServer

__all__ = ("balance", "bind", "mail_server", "wsdl", "wsdl_url")

READ_BYTES = 4096
WSDL_PATH = "/soap.wsdl"
OK = 200
NOT_THE_LOGIN = "check login and password, whether SMPP is open for the account, and its list of addresses (IP)"


async def balance(settings: Settings, node: Node, via: Literal["v2", "v1"]) -> Check:
    """Ask one node for the balance, which tells whether the credentials are good there."""
    once = settings.with_changes(nodes=(node,), retry=RetryPolicy(max_attempts=1))
    async with SmsTraffic.from_settings(once) as sms:
        found = await (sms.v2 if via == "v2" else sms.v1).balance()
    facts = {"balance": str(found.amount)}
    if found.amount <= 0:
        fix = "top the account up, unless it has a credit"
        return Check(name=f"balance {via}", target=node.name, verdict="warn", said=found.raw, fix=fix, facts=facts)
    return Check(name=f"balance {via}", target=node.name, verdict="ok", said=str(found.amount), facts=facts)


async def bind(settings: Settings, server: SmppServer, tls: ssl.SSLContext | None) -> Check:
    """Bind for a moment, and unbind. As a transmitter: nobody's place to receive is taken."""
    loop = asyncio.get_running_loop()
    request = bind_of(settings, SmppOptions(), BindMode.TRANSMITTER)
    reader, writer = await asyncio.open_connection(
        server.host, server.port, ssl=tls, server_hostname=server.host if tls else None
    )
    bound: Bound | None = None
    try:
        session = Session(Role.ESME, loop.time())
        session.bind(request, loop.time())
        while True:
            writer.write(session.data_to_send())
            data = await reader.read(READ_BYTES)
            if data:
                session.receive_data(data, loop.time())
            else:
                session.receive_eof(loop.time())
            events: list[Event] = list(session.events())
            for event in events:
                if isinstance(event, Bound):
                    bound = event
                    session.unbind(loop.time())
                elif isinstance(event, BindRefused):
                    return _not_bound(server, f"refused: {event.command_status.name}", Exit.CONFIGURATION)
                elif isinstance(event, Ended):
                    if bound is None:
                        return _not_bound(server, f"the connection ended: {event.reason.value}", Exit.FAILURE)
                    who = f" by {printable(bound.system_id)}" if bound.system_id else ""
                    said = f"bound as transmitter{who}, and unbound"
                    return Check(
                        name="bind", target=server.name, verdict="ok", said=said, facts={"peer": bound.system_id}
                    )
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _not_bound(server: SmppServer, said: str, code: Exit) -> Check:
    return Check(name="bind", target=server.name, verdict="fail", said=said, fix=NOT_THE_LOGIN, code=code)


def wsdl_url(url: str) -> str:
    """Where the WSDL of a service is (document, "SOAP протокол")."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, WSDL_PATH, "", ""))


async def wsdl(settings: Settings, url: str, tls: ssl.SSLContext | None) -> Check:
    """Read the WSDL and tell where it says SOAP is spoken."""
    where = wsdl_url(url)
    target = urlsplit(where).netloc
    status, _, content = await fetch(where, tls)
    if status != OK:
        said = f"HTTP {status} for {WSDL_PATH}"
        return Check(name="wsdl", target=target, verdict="warn", said=said, fix="SOAP itself may work without it")
    ports = _ports(content)
    if not ports:
        said = "it is no WSDL that names a port"
        return Check(name="wsdl", target=target, verdict="warn", said=said, fix="SOAP itself may work without it")
    said = "; ".join(f"{printable(name)}: {printable(location)}" for name, location in ports.items())
    known = {urlsplit(node.url).netloc for node in settings.soap.nodes} | {target}
    more = sorted({location for location in ports.values() if urlsplit(location).netloc not in known})
    fix = f"a second server for SOAP: SMS_TRAFFIC_SOAP_URL={url},{printable(more[0])}" if more else ""
    return Check(name="wsdl", target=target, verdict="ok", said=said, fix=fix, facts={"ports": ports})


def _ports(content: bytes) -> dict[str, str]:
    """Name and address of each port that a WSDL names; empty where it is none."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    root: Any = ()
    with contextlib.suppress(DefusedXmlException, ParseError, ValueError):
        root = fromstring(content, forbid_dtd=True).iter()
    return {
        str(port.get("name", "")): str(inner.get("location", ""))
        for port in root
        if str(port.tag).rpartition("}")[2] == "port"
        for inner in port
        if str(inner.tag).rpartition("}")[2] == "address"
    }


async def mail_server(options: SmtpOptions) -> Check:
    """Greet the mail server; no login, no letter."""
    import aiosmtplib

    target = f"{options.host}:{options.real_port}"
    client = aiosmtplib.SMTP(
        hostname=options.host,
        port=options.real_port,
        use_tls=options.tls == "implicit",
        start_tls=options.tls == "starttls",
        tls_context=options.ssl_context,
        timeout=None,
    )
    try:
        await client.connect()
        greeting = await client.ehlo()
        offers = sorted(client.esmtp_extensions)
        await client.quit()
    except aiosmtplib.SMTPException as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        said = type(error).__name__
        return Check(name="mail server", target=target, verdict="fail", said=said, fix=NETWORK)
    finally:
        client.close()
    tls = "without TLS" if options.tls == "none" else "with TLS"
    said = f"answers {greeting.code} {tls}, offers {', '.join(offers) or 'nothing'}"
    return Check(name="mail server", target=target, verdict="ok", said=said, facts={"offers": offers})
