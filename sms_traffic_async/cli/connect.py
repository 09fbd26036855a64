"""Options that every command with a connection has."""

from __future__ import annotations

import os
from dataclasses import dataclass
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

__all__ = ("Carrier", "CarryingVia", "Connect", "Looking", "MailCarrier", "SendingVia", "WorkerCarrier")

CarryingVia: TypeAlias = Literal["v2", "v1", "soap"]
SendingVia: TypeAlias = Literal["v2", "v1", "soap", "smtp"]

SOAP_VARIABLE = "SMS_TRAFFIC_SOAP_URL"
SMPP_VARIABLE = "SMS_TRAFFIC_SMPP_SERVERS"
SOAP_SERVERS = 2
LONGEST = 86_400


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
        return settings.with_changes(soap=self._soap(settings), smtp=self._smtp(), smpp=self._smpp())

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

    def _smpp(self) -> SmppOptions | None:
        return None


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
class _Mail(_Servers):
    """``Connect`` with a mail server."""

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

    def _mail(self) -> SmtpOptions:
        return mail.options(relay=self.smtp_relay, sender=self.smtp_sender, variant=self.smtp_variant)


@Parameter(name="*")
@dataclass(kw_only=True)
class MailCarrier(_Mail):
    """A choice of protocol, for what can be sent."""

    via: Annotated[
        SendingVia | None,
        Parameter(show_default=False, help="The protocol. [default: v2 with an API key, else v1]"),
    ] = None

    def protocol(self, sms: SmsTraffic) -> SendingVia:
        """The protocol to use."""
        return self.via or ("v1" if sms.settings.credentials.api_key is None else "v2")

    def _smtp(self) -> SmtpOptions | None:
        """A mail server, where it is wanted."""
        return self._mail() if self.via == "smtp" else None


@Parameter(name="*")
@dataclass(kw_only=True)
class WorkerCarrier(_Mail):
    """A choice of protocol, for what runs for long."""

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
        return self._mail() if self.via == "smtp" else None

    def _smpp(self) -> SmppOptions | None:
        if self.via != "smpp":
            return None
        named = self.smpp_server or [one.strip() for one in os.environ.get(SMPP_VARIABLE, "").split(",") if one.strip()]
        return SmppOptions(servers=named) if named else SmppOptions()


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
