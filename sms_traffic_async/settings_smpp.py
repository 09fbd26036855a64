"""Options of the SMPP protocol."""

from __future__ import annotations

import math
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.message_ids import EXACT, IdMatching
from sms_traffic_async.secrets import Secret

__all__ = ("SMPP_SERVERS", "Binding", "ConnectWhen", "SmppOptions", "SmppServer")

Binding: TypeAlias = Literal["auto", "transceiver", "transmitter", "split"]
ConnectWhen: TypeAlias = Literal["on_use", "on_enter"]

SMPP_SERVERS: Final = ("smpps://server1.smstraffic.ru:4441", "smpps://server2.smstraffic.ru:4441")
"""Document, overview: over TLS, the main server first. ``smpp://…:4442`` is the same without TLS."""

_PORTS: Final = {"smpp": 4442, "smpps": 4441}
_PORT_MAX: Final = 65_535
_HOST: Final = r"[\w.\-]+|[0-9a-fA-F:.]+"
_EXAMPLE: Final = f"a server is a URL such as {SMPP_SERVERS[0]}"
_MOST_WINDOW: Final = 10_000
_MOST_TRANSMITTERS: Final = 100
_SYSTEM_TYPE_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppServer:
    """One of the platform's SMPP servers, and what it is called in logs.

    Attributes:
        name: the host, with its port where that is not the usual one.
        host: where to connect.
        port: where to connect.
        tls: whether TLS is spoken from the first octet on.
    """

    name: str
    host: str
    port: int
    tls: bool

    @classmethod
    def parse(cls, url: str) -> SmppServer:
        """Read ``smpp://host[:port]`` (plain) or ``smpps://host[:port]`` (TLS).

        Raises:
            ConfigurationError: it is neither. The URL is not shown.
        """
        server, problem = _read(url)
        del url  # a traceback printed with locals shows this frame, and the URL may hold a password
        if server is None:
            raise ConfigurationError(problem)
        return server


def _read(url: object) -> tuple[SmppServer | None, str]:
    if not isinstance(url, str):
        return None, f"{_EXAMPLE}, not {type(url).__name__}"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return None, f"{_EXAMPLE}; this one's host or port cannot be read"
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not re.fullmatch(_HOST, host, re.ASCII):
        return None, f"{_EXAMPLE}; smpp:// is without TLS"
    if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        return None, "a server's URL holds no credentials, path or query"
    usual = _PORTS[parts.scheme]
    name = f"[{host}]" if ":" in host else host
    if port not in {None, usual}:
        name = f"{name}:{port}"
    return SmppServer(name=name, host=host, port=usual if port is None else port, tls=parts.scheme == "smpps"), ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppOptions:
    """How SMPP is spoken. Times are seconds.

    Attributes:
        servers: ``smpps://host:port`` (TLS) or ``smpp://host:port`` (plain), the preferred one first.
        system_id: instead of the session's login.
        password: instead of the session's.
        bind: ``auto`` binds as transceiver if the slot is free (there is one for each server and system_id),
            else as transmitter, and keeps trying for it; ``transceiver`` waits for the slot; ``transmitter``
            receives nothing; ``split`` is a transmitter and a receiver.
        transmitters: further transmitters, spread over the servers.
        connect: ``on_use`` with the first message, ``on_enter`` with the session.
        window: messages that may await an answer at once, per connection.
        rate: SMS parts per second that the account allows; ``None`` sets no limit of ours.
        queue: SMS parts that may wait. Beyond that a caller waits for room until its deadline.
        ssl_context: instead of the system's; its certificates are verified.
        enquire_link: how often the platform is asked whether it is there; it cuts a link after two silent minutes.
        response_timeout: without an answer for this long a message's outcome is unknown.
        late_timeout: an answer still counts until this long after the message was written.
        connect_timeout: for the connection, TLS included.
        bind_timeout: for the answer to a bind.
        unbind_timeout: for the answer to our unbind.
        stable_after: a link that has been up this long is stable: after its next loss the reconnect delays begin
            anew, and the preferred server gets its messages back.
        suspect_after: with messages under way and not one octet for this long, new ones go to the other server.
        reference_bytes: size of the number that ties the parts of a long text together: 1, or 2, which costs a
            character a part.
        registered_delivery: ask for delivery receipts.
        system_type: of the bind; the platform ignores it.
        id_matching: what counts as the same id in a response and in a receipt.
        deduplicate: drop what the platform delivers a second time.

    Raises:
        ConfigurationError: a bad value; the password is not shown.
    """

    servers: tuple[str, ...] = SMPP_SERVERS
    system_id: str | None = None
    password: Secret | None = field(default=None, repr=False)
    bind: Binding = "auto"
    transmitters: int = 0
    connect: ConnectWhen = "on_use"
    window: int = 10
    rate: float | None = 20.0
    queue: int = 10_000
    ssl_context: ssl.SSLContext | None = None
    enquire_link: float = 30.0
    response_timeout: float = 30.0
    late_timeout: float = 60.0
    connect_timeout: float = 3.0
    bind_timeout: float = 10.0
    unbind_timeout: float = 5.0
    stable_after: float = 30.0
    suspect_after: float = 2.0
    reference_bytes: Literal[1, 2] = 1
    registered_delivery: bool = True
    system_type: str = ""
    id_matching: IdMatching = EXACT
    deduplicate: bool = True

    # Written out, because a traceback printed with locals shows this frame, and that of a generated __init__ would
    # show a password that was given as a plain string.
    def __init__(
        self,
        *,
        servers: Iterable[str] | str = SMPP_SERVERS,
        system_id: str | None = None,
        password: Secret | str | None = None,
        bind: Binding = "auto",
        transmitters: int = 0,
        connect: ConnectWhen = "on_use",
        window: int = 10,
        rate: float | None = 20.0,
        queue: int = 10_000,
        ssl_context: ssl.SSLContext | None = None,
        enquire_link: float = 30.0,
        response_timeout: float = 30.0,
        late_timeout: float = 60.0,
        connect_timeout: float = 3.0,
        bind_timeout: float = 10.0,
        unbind_timeout: float = 5.0,
        stable_after: float = 30.0,
        suspect_after: float = 2.0,
        reference_bytes: Literal[1, 2] = 1,
        registered_delivery: bool = True,
        system_type: str = "",
        id_matching: IdMatching = EXACT,
        deduplicate: bool = True,
    ) -> None:
        store = object.__setattr__
        kept = (servers,) if isinstance(servers, str) else tuple(servers)
        problem = _servers_problem(kept)
        store(self, "servers", () if problem else kept)  # what cannot be read may hold a password
        del servers, kept
        store(self, "system_id", system_id)
        store(self, "password", Secret(password) if isinstance(password, str) else password)
        del password
        store(self, "bind", bind)
        store(self, "transmitters", transmitters)
        store(self, "connect", connect)
        store(self, "window", window)
        store(self, "rate", rate)
        store(self, "queue", queue)
        store(self, "ssl_context", ssl_context)
        store(self, "enquire_link", enquire_link)
        store(self, "response_timeout", response_timeout)
        store(self, "late_timeout", late_timeout)
        store(self, "connect_timeout", connect_timeout)
        store(self, "bind_timeout", bind_timeout)
        store(self, "unbind_timeout", unbind_timeout)
        store(self, "stable_after", stable_after)
        store(self, "suspect_after", suspect_after)
        store(self, "reference_bytes", reference_bytes)
        store(self, "registered_delivery", registered_delivery)
        store(self, "system_type", system_type)
        store(self, "id_matching", id_matching)
        store(self, "deduplicate", deduplicate)
        problem = problem or self._problem()
        if problem:
            raise ConfigurationError(f"SmppOptions.{problem}")

    @property
    def nodes(self) -> tuple[SmppServer, ...]:
        """The servers, the preferred one first."""
        return tuple(SmppServer.parse(url) for url in self.servers)

    def _problem(self) -> str:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                return f"{name} is {' or '.join(map(repr, known))}"
        return self._number_problem() or self._credential_problem()

    def _number_problem(self) -> str:
        for name, (low, high) in _WHOLE.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                return f"{name} is a whole number from {low} to {high}"
        for name in _SECONDS:
            value = getattr(self, name)
            if type(value) not in {int, float} or not 0 < value < math.inf:
                return f"{name} is a number of seconds greater than 0"
        if self.rate is not None and (type(self.rate) not in {int, float} or not 0 < self.rate < math.inf):
            return "rate is a number of SMS parts a second, or None"
        if self.late_timeout < self.response_timeout:
            return "late_timeout is not less than response_timeout"
        for name in ("registered_delivery", "deduplicate"):
            if not isinstance(getattr(self, name), bool):
                return f"{name} is True or False"
        return ""

    def _credential_problem(self) -> str:
        # Cast: callers without types.
        if not isinstance(cast("object", self.password), Secret | None):
            return "password is a string or a Secret(...)"
        if (self.system_id is None) != (self.password is None):
            return "system_id and password go together: one of them is missing"
        for name in ("system_id", "system_type"):
            text = cast("object", getattr(self, name))
            if text is not None and not (isinstance(text, str) and text.isascii() and "\0" not in text):
                return f"{name} is ASCII text"
        if len(self.system_type) > _SYSTEM_TYPE_MAX:
            return f"system_type has at most {_SYSTEM_TYPE_MAX} characters"
        if not isinstance(cast("object", self.id_matching), IdMatching):
            return "id_matching is made by IdMatching(...)"
        return ""


def _servers_problem(urls: tuple[object, ...]) -> str:
    names: list[str] = []
    for url in urls:
        server, problem = _read(url)
        if server is None:
            return f"servers: {problem}"
        names.append(server.name)
    return "" if names and len(set(names)) == len(names) else "servers: at least one, and none twice"


_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "bind": ("auto", "transceiver", "transmitter", "split"),
    "connect": ("on_use", "on_enter"),
    "reference_bytes": (1, 2),
}
_WHOLE: Final = {"transmitters": (0, _MOST_TRANSMITTERS), "window": (1, _MOST_WINDOW), "queue": (1, 1_000_000)}
_SECONDS: Final = (
    "enquire_link", "response_timeout", "late_timeout", "connect_timeout", "bind_timeout", "unbind_timeout",
    "stable_after", "suspect_after",
)  # fmt: skip
