"""Options that every command with a connection has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli import mail
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Via
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Settings, SoapOptions, Timeouts, parse_nodes
from sms_traffic_async.settings_mail import SmtpOptions
from sms_traffic_async.settings_smpp import SmppOptions

__all__ = (
    "Carrier",
    "CarryingVia",
    "Connect",
    "Looking",
    "Reporting",
    "SendingCarrier",
    "WorkerCarrier",
    "smpp_servers",
)

CarryingVia: TypeAlias = Literal["v2", "v1", "soap"]

SOAP_VARIABLE = "SMS_TRAFFIC_SOAP_URL"
SMPP_VARIABLE = "SMS_TRAFFIC_SMPP_SERVERS"
SOAP_SERVERS = 2
LONGEST = 86_400
HOUR = 3_600.0


def smpp_servers(given: Sequence[str]) -> tuple[str, ...]:
    """The SMPP servers that an option or the environment names; none for the platform's own."""
    found = given or os.environ.get(SMPP_VARIABLE, "").split(",")
    return tuple(one.strip() for one in found if one.strip())


@Parameter(name="*")
@dataclass(kw_only=True)
class Connect:
    """Where to connect to; credentials come from the environment only."""

    node: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="Base URL of a node, preferred first; may be repeated."),
    ] = ()
    timeout: Annotated[
        float, Parameter(validator=Number(gt=0, lte=LONGEST), help="Seconds for a whole call, repeats included.")
    ] = 30.0
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print one JSON object per line, errors too.")
    ] = False

    def settings(self) -> Settings:
        """The settings as the environment and these options say.

        Raises:
            ConfigurationError: something cannot be used.
        """
        changes: dict[str, Any] = {"nodes": parse_nodes(self.node)} if self.node else {}
        settings = Settings.from_env(timeouts=Timeouts(deadline=self.timeout), **changes)
        return settings.with_changes(soap=self._soap(settings), smtp=self._smtp(), smpp=self._smpp(settings))

    def session(self) -> SmsTraffic:
        """A session with these settings.

        Raises:
            ConfigurationError: no credentials, or something that cannot be used.
        """
        settings = self.settings()
        credentials = settings.credentials
        if credentials.api_key is None and credentials.login is None:
            raise ConfigurationError(
                "no credentials: set SMS_TRAFFIC_API_KEY, or SMS_TRAFFIC_LOGIN and SMS_TRAFFIC_PASSWORD (or name files "
                "in …_FILE). 'sms-traffic demo' and 'sms-traffic sandbox' need none of your own"
            )
        return SmsTraffic.from_settings(settings)

    def _soap(self, settings: Settings) -> SoapOptions:
        return settings.soap

    def _smtp(self) -> SmtpOptions | None:
        return None

    def _smpp(self, settings: Settings) -> SmppOptions | None:  # noqa: ARG002 - for those that can speak it
        return None


@Parameter(name="*")
@dataclass(kw_only=True)
class Reporting(Connect):
    """``Connect`` for a report, which the platform may take minutes to make."""

    timeout: Annotated[
        float, Parameter(validator=Number(gt=0, lte=LONGEST), help="Seconds for making and fetching it, in all.")
    ] = HOUR


@Parameter(name="*")
@dataclass(kw_only=True)
class _Servers(Connect):
    """``Connect`` with the servers of SOAP."""

    soap_url: Annotated[
        str | None, Parameter(help=f"Where SOAP is spoken, instead of {SOAP_VARIABLE}; a second server after a comma.")
    ] = None

    def _soap(self, settings: Settings) -> SoapOptions:
        """SOAP has servers of its own."""
        named = self.soap_url or os.environ.get(SOAP_VARIABLE, "")
        urls = [url.strip() for url in named.split(",") if url.strip()]
        # Plain http is a platform on this machine. What is meant for it must not reach the real one by SOAP.
        if not urls and all(node.url.startswith("http:") for node in settings.nodes):
            urls = [f"{node.url}/soap.php" for node in settings.nodes[:SOAP_SERVERS]]
        if len(urls) > SOAP_SERVERS:
            raise ConfigurationError(f"{SOAP_VARIABLE} or --soap-url: one URL, or two with a comma between")
        return SoapOptions(url=urls[0], second_url=urls[1] if len(urls) > 1 else None) if urls else settings.soap


@Parameter(name="*")
@dataclass(kw_only=True)
class Carrier(_Servers):
    """A choice of protocol, for what can be asked."""

    via: Annotated[
        CarryingVia | None,
        Parameter(show_default=False, help="The protocol. [default: v2 with an API key, else v1]"),
    ] = None

    def protocol(self, sms: SmsTraffic) -> CarryingVia:
        """The protocol to use."""
        return self.via or ("v1" if sms.settings.credentials.api_key is None else "v2")


@Parameter(name="*")
@dataclass(kw_only=True)
class WorkerCarrier(_Servers):
    """A choice of protocol, for what runs for long."""

    smtp_relay: Annotated[
        str | None, Parameter(help=f"Your mail server for --via smtp, instead of {mail.RELAY_VARIABLE}: {mail.RULE}.")
    ] = None
    smtp_sender: Annotated[
        str | None, Parameter(help=f"The From address for --via smtp, instead of {mail.SENDER_VARIABLE}.")
    ] = None
    smtp_variant: Annotated[
        Literal[1, 2],
        Parameter(help="The letter: 2 has every option, and login and password in it; 1 a number and a text only."),
    ] = 2
    via: Annotated[
        Via | None,
        Parameter(show_default=False, help="The protocol. [default: v2 with an API key, else v1]"),
    ] = None
    smpp_server: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="smpps://host:port (TLS) or smpp://host:port for --via smpp, the preferred one first; instead of "
            f"{SMPP_VARIABLE}, which has commas between. [default: the platform's two]",
        ),
    ] = ()

    def _smtp(self) -> SmtpOptions | None:
        if self.via != "smtp":
            return None
        return mail.options(relay=self.smtp_relay, sender=self.smtp_sender, variant=self.smtp_variant)

    def _smpp(self, settings: Settings) -> SmppOptions | None:
        if self.via != "smpp":
            return None
        if named := smpp_servers(self.smpp_server):
            return SmppOptions(servers=named)
        if all(node.url.startswith("http:") for node in settings.nodes):
            # What is meant for a sandbox does not reach the real platform by its default address.
            raise ConfigurationError(
                f"the SMPP servers of this machine have to be named: --smpp-server or {SMPP_VARIABLE}"
            )
        return SmppOptions()


@Parameter(name="*")
@dataclass(kw_only=True)
class SendingCarrier(WorkerCarrier):
    """A choice of protocol, for what can be sent."""

    def protocol(self, sms: SmsTraffic) -> Via:
        """The protocol to use."""
        return self.via or ("v1" if sms.settings.credentials.api_key is None else "v2")

    def _smpp(self, settings: Settings) -> SmppOptions | None:
        """As a transmitter: the one receiver's place of a server is that of a service that runs."""
        options = super()._smpp(settings)
        return None if options is None else replace(options, bind="transmitter")


@Parameter(name="*")
@dataclass(kw_only=True)
class Looking(_Servers):
    """Where ``doctor`` looks."""

    timeout: Annotated[float, Parameter(validator=Number(gt=0, lte=LONGEST), help="Seconds for each check.")] = 10.0
    smpp_server: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help=f"An SMPP server, instead of {SMPP_VARIABLE}: smpps://host:port, or smpp:// without TLS.",
        ),
    ] = ()
