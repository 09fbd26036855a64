"""Where an account wants its statuses and inbound messages, as its settings in the cabinet and support have it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.secrets import Secret

__all__ = ("Charset", "InboundSettings", "PushSettings", "Retries", "ShortNumber")

Charset: TypeAlias = Literal["windows-1251", "utf-8"]
Method: TypeAlias = Literal["GET", "POST"]
Form: TypeAlias = Literal["json", "form"]
Spelling: TypeAlias = Literal["example", "table"]
Spaces: TypeAlias = Literal["plus", "percent", "raw"]

MOST_ITEMS = 1_000
MOST_IN_FLIGHT = 100
_PORT_MAX = 65_535
_ADDRESS = re.compile(r"[^\s@]{1,64}@[A-Za-z0-9.\[\]:-]{1,253}")


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    # The URL is not repeated: a part of it may be a secret.
    if url and (not usable or not url.isprintable() or " " in url):
        raise ConfigurationError(f"{name} is an http or https URL, or empty")


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"{name} is one of {', '.join(allowed)}")


def _seconds(name: str, value: object, *, least: float = 0.0) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < float("inf"):
        raise ConfigurationError(f"{name} is a number of seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What becomes of a call that was not answered as it has to be. The document only says that it gets rarer.

    Attributes:
        pauses: sandbox seconds before the next attempt; the last one goes on. The whole destination waits, and then
            one call at a time is tried until one is answered well.
        give_up: sandbox seconds after which a call is given up.
        timeout: seconds of the loop's own time that an answer may take.
        in_flight: calls at a time while the destination answers well.
    """

    pauses: tuple[float, ...] = (5.0, 15.0, 60.0, 300.0, 900.0)
    give_up: float = 172_800.0
    timeout: float = 10.0
    in_flight: int = 1

    def __post_init__(self) -> None:
        pauses = cast("object", self.pauses)  # callers without types
        object.__setattr__(self, "pauses", tuple(self.pauses) if isinstance(pauses, tuple | list) else ())
        if not self.pauses:
            raise ConfigurationError("pauses is at least one number of seconds")
        for pause in self.pauses:
            _seconds("a pause", pause)
        _seconds("give_up", self.give_up)
        _seconds("timeout", self.timeout, least=0.001)
        if type(self.in_flight) is not int or not 1 <= self.in_flight <= MOST_IN_FLIGHT:
            raise ConfigurationError(f"in_flight is a whole number from 1 to {MOST_IN_FLIGHT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """Status pushes of an account (document, "Автоматическое получение статусов"). Replace it whole.

    Attributes:
        url: where they go; empty for none.
        form: JSON (asked for at support), or one status a call as a form.
        spelling: ``err_code`` and ``operatorId`` as in the document's example, or ``error_code`` and ``operator_id``
            as in its table.
        batch: at most so many statuses in one call of JSON.
        lone_object: one status alone comes as an object, not as an array.
        spaces: how a space is written in a form; the document's example has it raw.
        retries: what happens to calls that fail.
    """

    url: str = field(default="", repr=False)
    form: Form = "json"
    spelling: Spelling = "example"
    batch: int = 50
    lone_object: bool = False
    spaces: Spaces = "plus"
    retries: Retries = field(default_factory=Retries)

    def __post_init__(self) -> None:
        _check_url("url", self.url)
        _check_choice("form", self.form, get_args(Form))
        _check_choice("spelling", self.spelling, get_args(Spelling))
        _check_choice("spaces", self.spaces, get_args(Spaces))
        if type(self.batch) is not int or not 1 <= self.batch <= MOST_ITEMS:
            raise ConfigurationError(f"batch is a whole number from 1 to {MOST_ITEMS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortNumber:
    """A short number and its script, whose answer goes to the subscriber (document, "Короткий номер").

    Attributes:
        number: such as ``3299``.
        url: the script; with GET it may have the document's template ``{{message}}`` and so on in it.
        password: sent along where it is set.
        method: of the call.
        charset: of the call; the answer is read in the same.
    """

    number: str
    url: str = field(repr=False)
    password: Secret | None = None
    method: Method = "GET"
    charset: Charset = "windows-1251"

    def __post_init__(self) -> None:
        if not (self.number.isascii() and self.number.isdigit()):
            raise ConfigurationError("a short number is digits")
        if not self.url:
            raise ConfigurationError("a short number needs the URL of its script")
        if self.password is not None:
            object.__setattr__(self, "password", Secret(self.password))
        _check_url("url", self.url)
        _check_choice("method", self.method, get_args(Method))
        _check_choice("charset", self.charset, get_args(Charset))


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSettings:
    """How inbound messages of an account are forwarded (document, "Входящие СМС-сообщения"). Replace it whole.

    They are in the list of v1 and in reports whatever stands here.

    Attributes:
        smpp: over SMPP, to a receiver or transceiver; on, as on the platform.
        url: to a script; empty for none. With GET it may have the document's template in it.
        method: of that call.
        charset: of that call.
        email: to this address; empty for none.
        email_server: host and port of the mail server that takes those letters; ``None`` for the sandbox's relay.
            Without either nothing is sent.
        email_subject: of the letter, whose form is not documented.
        email_text: its text, with ``{phone}``, ``{recipient}``, ``{message}``, ``{sms_id}`` and ``{date}``.
        short_numbers: these have scripts of their own, and what comes to them is forwarded in no other way.
        retries: what happens to calls that fail.
    """

    smpp: bool = True
    url: str = field(default="", repr=False)
    method: Method = "POST"
    charset: Charset = "windows-1251"
    email: str = field(default="", repr=False)
    email_server: tuple[str, int] | None = None
    email_subject: str = "SMS from {phone} to {recipient}"
    email_text: str = "{message}"
    short_numbers: tuple[ShortNumber, ...] = ()
    retries: Retries = field(default_factory=Retries)

    def __post_init__(self) -> None:
        object.__setattr__(self, "short_numbers", tuple(self.short_numbers))
        _check_url("url", self.url)
        _check_choice("method", self.method, get_args(Method))
        _check_choice("charset", self.charset, get_args(Charset))
        if self.email and not _ADDRESS.fullmatch(self.email):
            raise ConfigurationError("email is an address such as sms@example.ru, or empty")
        if self.email_server is not None:
            host, port = self.email_server
            if not host or not 0 < port <= _PORT_MAX:
                raise ConfigurationError("email_server is a host and a port")

    def short_number(self, number: str) -> ShortNumber | None:
        """The script of a short number, if it is one."""
        return next((one for one in self.short_numbers if one.number == number), None)
