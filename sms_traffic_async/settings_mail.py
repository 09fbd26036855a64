"""Options of sending by e-mail."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.secrets import Secret, check_before_init

__all__ = ("BlankLines", "PhoneIn", "SmtpOptions", "SmtpTls", "TransferEncoding")

SmtpTls: TypeAlias = Literal["starttls", "implicit", "none"]
PhoneIn: TypeAlias = Literal["subject", "address"]
BlankLines: TypeAlias = Literal["refuse", "collapse"]
TransferEncoding: TypeAlias = Literal["base64", "quoted-printable", "8bit"]

RECOMMENDED_LETTERS = 100
_PORTS: dict[str, int] = {"starttls": 587, "implicit": 465, "none": 25}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}", re.ASCII)
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpOptions:
    """How letters leave, and which of the document's two variants they are.

    Attributes:
        sender: the From address; the reply letter goes there.
        host: your own relay; ``None`` only with ``mx``.
        port: of the relay (or of the platform's mail servers, with ``mx``); ``None`` takes 587, 465 or 25 by ``tls``.
        tls: ``starttls`` (required, never given up), ``implicit``, or ``none``.
        ssl_context: instead of the system's; its certificates are verified.
        login: for the relay.
        password: for the relay.
        variant: 1 (a number and a text; off for new accounts) or 2 (every field of HTTP v1; login and password
            of the platform travel in the letter).
        phone_in: where variant 1 has the number.
        reply_to_email: variant 2 asks for an answer by letter.
        mx: deliver to the platform's mail servers directly, without a relay (needs the extra ``mx``). The
            platform's protection by Received headers works only with a relay.
        allow_passwords_without_tls: let variant 2, or the relay's password, go in clear text.
        blank_lines: a text of variant 2 with a blank line in it is refused, or its blank lines are taken out.
        transfer_encoding: of texts that are not plain ASCII; the document names none. ``8bit`` goes out even where the
            server does not announce 8BITMIME.
        letters_per_minute: the document recommends at most 100.
        nameservers: addresses of name servers for ``mx``; empty for the system's.
        nameserver_port: their port.

    Raises:
        ConfigurationError: a bad value, or passwords that would go in clear text.
    """

    sender: str
    host: str | None = None
    port: int | None = None
    tls: SmtpTls = "starttls"
    ssl_context: ssl.SSLContext | None = None
    login: str | None = None
    password: Secret | None = field(default=None, repr=False)
    variant: Literal[1, 2] = 2
    phone_in: PhoneIn = "subject"
    reply_to_email: bool = False
    mx: bool = False
    allow_passwords_without_tls: bool = False
    blank_lines: BlankLines = "refuse"
    transfer_encoding: TransferEncoding = "base64"
    letters_per_minute: int = RECOMMENDED_LETTERS
    nameservers: tuple[str, ...] = ()
    nameserver_port: int = 53

    def __post_init__(self) -> None:
        problem = self._problem() or self._clear_text()
        if problem:
            raise ConfigurationError(f"SmtpOptions.{problem}")

    def _problem(self) -> str:
        if not _ADDRESS.fullmatch(self.sender):
            return "sender is an address such as alerts@example.ru"
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                return f"{name} is {' or '.join(map(repr, known))}"
        if (self.host is None) != self.mx:
            return "host is your relay; leave it out with mx=True, and only then"
        if self.host is not None and not _HOST.fullmatch(self.host):
            return "host is a name or an address"
        numbers = {"port": self.real_port, "nameserver_port": self.nameserver_port}
        numbers["letters_per_minute"] = self.letters_per_minute
        for name, number in numbers.items():
            if type(number) is not int or not 0 < number <= _PORT_MAX:
                return f"{name} is a whole number from 1 to {_PORT_MAX}"
        pair = (self.login is None) == (self.password is None) and not (self.mx and self.login is not None)
        return "" if pair else "login and password go together, and with a relay"

    def _clear_text(self) -> str:
        if self.tls != "none" or self.allow_passwords_without_tls:
            return ""
        if self.variant == 2:  # noqa: PLR2004 - the document's number
            return "variant 2 carries login and password in the letter: use TLS, or allow_passwords_without_tls=True"
        if self.password is not None:
            return "password would go in clear text: use TLS, or allow_passwords_without_tls=True"
        return ""

    @property
    def real_port(self) -> int:
        """The port that is used."""
        if self.port is not None:
            return self.port
        return 25 if self.mx and self.tls == "starttls" else _PORTS[self.tls]


def _password_problem(options: Mapping[str, Any]) -> str:
    return "" if isinstance(options.get("password"), Secret | None) else "SmtpOptions.password is a Secret(...)"


check_before_init(SmtpOptions, _password_problem)

_CHOICES: dict[str, tuple[object, ...]] = {
    "tls": ("starttls", "implicit", "none"),
    "variant": (1, 2),
    "phone_in": ("subject", "address"),
    "blank_lines": ("refuse", "collapse"),
    "transfer_encoding": ("base64", "quoted-printable", "8bit"),
}
