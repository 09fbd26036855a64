"""Option values and every default number of the library, in one place.

Values are frozen and validated where they are made. The environment is read
only by ``Settings.from_env`` (and by the live-send guard, which is always
honoured: see ``policy.guards``).
"""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeGuard, cast

from sms_traffic_async.credentials import Credentials, Environment
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.node import DEFAULT_NODES, Node, parse_nodes
from sms_traffic_async.secrets import check_before_init
from sms_traffic_async.settings_mail import SmtpOptions
from sms_traffic_async.settings_smpp import SMPP_SERVERS, SmppOptions
from sms_traffic_async.settings_soap import SoapOptions
from sms_traffic_async.settings_tracking import InboundOptions, TrackingOptions

__all__ = (
    "DEFAULT_NODES",
    "Credentials",
    "HttpOptions",
    "InboundOptions",
    "Node",
    "OnUnknown",
    "RetryPolicy",
    "Settings",
    "SmppOptions",
    "SmtpOptions",
    "SoapOptions",
    "Timeouts",
    "TrackingOptions",
    "call_seconds",
    "parse_nodes",
)

RESTRICTIVE_HOUR = 3600.0
"""Seconds for which a restrictiveId prevents a second sending (document, /v2/send)."""

OnUnknown: TypeAlias = Literal["raise", "resend"]

_DEFAULT_NODES = parse_nodes(DEFAULT_NODES)


def _positive(options: object, *, whole: tuple[str, ...] = (), seconds: tuple[str, ...] = ()) -> None:
    for name in whole + seconds:
        value: object = getattr(options, name)
        kinds = {int} if name in whole else {int, float}
        # Not infinite: "for ever" is no bound, and everything here is one.
        if type(value) not in kinds or not 0 < cast("float", value) < math.inf:
            kind = "a whole number" if name in whole else "a number of seconds"
            shown = value if isinstance(value, int | float) and abs(value) < 10**15 else type(value).__name__
            raise ConfigurationError(f"{type(options).__name__}.{name} must be {kind} greater than 0, not {shown}")


def call_seconds(timeout: object, otherwise: float) -> float:
    """Seconds for a whole call: ``timeout``, or ``otherwise`` where it is ``None``.

    Raises:
        ConfigurationError: it is no finite number greater than 0.
    """
    if timeout is None:
        return otherwise
    if type(timeout) not in {int, float} or not 0 < cast("float", timeout) < math.inf:
        raise ConfigurationError(f"timeout is a number of seconds greater than 0, not {timeout!r}")
    return cast("float", timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Times of one call and of a session, in seconds.

    Attributes:
        connect: to open a connection.
        read: of silence, between two reads of an answer.
        deadline: for a whole call, waits and repeats included, if it is given no ``timeout``.
        report_read: the same as ``read`` for a report: above the 5 minutes that the platform may hold its request open.
        close_grace: how long closing the session waits for calls under way.
        poll_after: the platform is asked about a message after this long without news of it.
    """

    connect: float = 3.0
    read: float = 15.0
    deadline: float = 30.0
    report_read: float = 330.0
    close_grace: float = 10.0
    poll_after: float = 15.0

    def __post_init__(self) -> None:
        _positive(self, seconds=("connect", "read", "deadline", "report_read", "close_grace", "poll_after"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a call is repeated, for every protocol.

    Attributes:
        max_attempts: requests per call, the first included, pauses the
            platform asked for not counted.
        base_delay: seconds; the n-th wait is random between 0 and
            ``min(max_delay, base_delay * 2**n)``.
        max_delay: seconds.
        retry_after_cap: seconds; a longer Retry-After is read as this.
        window: seconds after the first attempt in which an unanswered v2 send
            may be repeated under its restrictiveId. The platform keeps it for
            an hour; 5 minutes are margin.
        lookup_interval: seconds between two look-ups by trackingData.
        lookup_window: seconds after the last unanswered attempt until "not
            found" is believed.
        budget: tokens per node from which repeats of unsent and refused calls
            are paid; an answered call gives one back.
        transient_cost: tokens for a repeat after a failure.
        throttle_cost: tokens for a repeat after a 429.
    """

    max_attempts: int = 12
    base_delay: float = 0.5
    max_delay: float = 30.0
    retry_after_cap: float = 900.0
    window: float = 3300.0
    lookup_interval: float = 5.0
    lookup_window: float = 90.0
    budget: int = 500
    transient_cost: int = 14
    throttle_cost: int = 5

    def __post_init__(self) -> None:
        _positive(
            self,
            whole=("max_attempts", "budget", "transient_cost", "throttle_cost"),
            seconds=("base_delay", "max_delay", "retry_after_cap", "window", "lookup_interval", "lookup_window"),
        )
        if self.window >= RESTRICTIVE_HOUR:
            raise ConfigurationError(
                "RetryPolicy.window must be less than 3600: after an hour the platform has forgotten a restrictiveId, "
                "and a repeat is a second SMS"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How HTTP is spoken.

    Attributes:
        client: an ``httpx.AsyncClient`` or ``httpx2.AsyncClient`` of yours; it is
            used for everything and never closed by us.
        ssl_context: for https; TLS 1.2 or later is asked of it.
        proxy: URL of an HTTP proxy for our own client.
        trust_env: let proxy variables of the environment apply to our own
            client. Off, because they can lead credentials elsewhere.
        in_flight: v2 requests under way at once, per session.
        batching: messages that are sent while a request is under way share
            the next one, each with its own text and outcome.
        batch: the most messages of such a request. It begins with 100 at most,
            and grows and shrinks so that an answer stays under a second; the
            document names no limit.
        rate: requests a second that the token allows, in all; ``None`` sends
            as many as there are, and waits where the platform says so (429).
        keep_alive: seconds an idle connection is kept.
        max_answer_bytes: cap on the decoded bytes of one answer.
        max_report_bytes: cap on the decoded bytes of a downloaded report;
            ``None`` for none (a report goes to disk or is read row by row).
        limits_are_per_node: whether the platform counts the token's rate limit
            for each node, so that a 429 on one leaves the other free.
    """

    client: Any = None
    ssl_context: ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)
    trust_env: bool = False
    in_flight: int = 4
    batching: bool = True
    batch: int = 250
    rate: float | None = None
    keep_alive: float = 20.0
    max_answer_bytes: int = 2_000_000
    max_report_bytes: int | None = None
    limits_are_per_node: bool = False

    # Written out for the same reason as that of Credentials: the proxy's URL may hold a password.
    def __init__(
        self,
        *,
        client: Any = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        in_flight: int = 4,
        batching: bool = True,
        batch: int = 250,
        rate: float | None = None,
        keep_alive: float = 20.0,
        max_answer_bytes: int = 2_000_000,
        max_report_bytes: int | None = None,
        limits_are_per_node: bool = False,
    ) -> None:
        store = object.__setattr__
        store(self, "client", client)
        store(self, "ssl_context", ssl_context)
        store(self, "proxy", proxy)
        store(self, "trust_env", trust_env)
        store(self, "in_flight", in_flight)
        store(self, "batching", batching)
        store(self, "batch", batch)
        store(self, "rate", rate)
        store(self, "keep_alive", keep_alive)
        store(self, "max_answer_bytes", max_answer_bytes)
        store(self, "max_report_bytes", max_report_bytes)
        store(self, "limits_are_per_node", limits_are_per_node)
        del client, proxy
        self._check()

    def _check(self) -> None:
        _positive(self, whole=("in_flight", "batch", "max_answer_bytes"), seconds=("keep_alive",))
        if self.rate is not None and (type(self.rate) not in {int, float} or not 0 < self.rate < math.inf):
            raise ConfigurationError("HttpOptions.rate is requests a second, greater than 0, or None")
        if type(self.batching) is not bool:
            raise ConfigurationError("HttpOptions.batching is True or False")
        if self.max_report_bytes is not None:
            _positive(self, whole=("max_report_bytes",))
        if self.client is not None and (self.proxy is not None or self.ssl_context is not None or self.trust_env):
            raise ConfigurationError(
                "client comes with its own TLS and proxy: leave ssl_context, proxy and trust_env out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a session is made of.

    Attributes:
        credentials: who the account is.
        nodes: the platform's hosts, the preferred one first.
        originator: the sender used where a message names none; ``None`` leaves
            it to the account's setting.
        on_unknown: what is done where nobody can tell whether an SMS went out
            and the protocol has no key: ``raise`` (at most once) or ``resend``
            (at least once).
        max_parts: a longer text is refused before it is sent.
        phone_region: ``RU`` reads national numbers (``8916…``, ``916…``) as Russian.
        timeouts: seconds for every phase.
        retry: how often and how patiently calls are repeated.
        http: connections, TLS, proxy, your own client.
        soap: where and how SOAP is spoken.
        smtp: how letters leave; ``None`` where e-mail is not used.
        smpp: where and how SMPP is spoken; ``None`` where it is not used.
        tracking: how messages are followed to their end.
        inbound: how messages of subscribers are taken.
    """

    credentials: Credentials = Credentials()  # noqa: RUF009 - frozen, so one default can be shared
    nodes: tuple[Node, ...] = _DEFAULT_NODES
    originator: str | None = None
    on_unknown: OnUnknown = "raise"
    max_parts: int = 255
    phone_region: Literal["RU"] | None = None
    timeouts: Timeouts = Timeouts()
    retry: RetryPolicy = RetryPolicy()
    http: HttpOptions = HttpOptions()
    soap: SoapOptions = SoapOptions()  # noqa: RUF009 - frozen, so one default can be shared
    smtp: SmtpOptions | None = None
    smpp: SmppOptions | None = None
    tracking: TrackingOptions = TrackingOptions()  # noqa: RUF009 - frozen, so one default can be shared
    inbound: InboundOptions = InboundOptions()  # noqa: RUF009 - frozen, so one default can be shared

    def __post_init__(self) -> None:
        if self.on_unknown not in {"raise", "resend"}:
            raise ConfigurationError("on_unknown is 'raise' or 'resend'")
        if self.phone_region not in {None, "RU"}:
            raise ConfigurationError("phone_region is 'RU' or None")
        if type(self.max_parts) is not int or not 1 <= self.max_parts <= 255:  # noqa: PLR2004 - one octet of the UDH
            raise ConfigurationError("max_parts is a whole number from 1 to 255")
        if self.originator is not None:
            # Imported here: the alphabet it needs is not wanted by `import sms_traffic_async`.
            from sms_traffic_async.message_rules import originator_problem

            problem = originator_problem(self.originator)
            if problem is not None:
                raise ConfigurationError(f"originator: {problem.rule}")
        for name, kind in _GROUPS.items():
            if not isinstance(getattr(self, name), kind):
                raise ConfigurationError(f"{name} must be {kind.__name__}(...)")
        if not isinstance(cast("object", self.smtp), SmtpOptions | None):
            raise ConfigurationError("smtp must be SmtpOptions(...) or None")
        problem_of_smpp = _smpp_problem(self.smpp, self.nodes)
        if problem_of_smpp:
            raise ConfigurationError(problem_of_smpp)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **changes: Any) -> Settings:
        """Read ``SMS_TRAFFIC_API_KEY``, ``…_LOGIN``, ``…_PASSWORD``, ``…_ORIGINATOR`` and ``…_NODES``.

        The first three are also read from files named by ``…_FILE``.

        Args:
            environ: instead of ``os.environ``.
            **changes: fields that override what the environment says.

        Raises:
            ConfigurationError: a value is malformed, or a ``…_FILE`` cannot be read.
        """
        _check_nodes(changes)
        env = Environment(os.environ if environ is None else environ)
        del environ  # a traceback printed with locals shows this frame
        login = env.secret("LOGIN")
        found: dict[str, Any] = {
            "credentials": Credentials(
                api_key=env.secret("API_KEY"),
                login=None if login is None else login.reveal(),
                password=env.secret("PASSWORD"),
            )
        }
        if env.plain("NODES"):
            found["nodes"] = parse_nodes(env.plain("NODES").split(","))
        if env.plain("ORIGINATOR"):
            found["originator"] = env.plain("ORIGINATOR")
        return cls(**(found | changes))

    def with_changes(self, **changes: Any) -> Settings:
        """A copy with some fields replaced, validated again.

        Raises:
            ConfigurationError: an unknown field, or a bad value.
        """
        unknown = changes.keys() - set(self.__slots__)
        if unknown:
            raise ConfigurationError(f"no such option: {', '.join(sorted(unknown))}")
        _check_nodes(changes)
        return replace(self, **changes)


def _smpp_problem(smpp: object, nodes: tuple[Node, ...]) -> str:
    if not isinstance(smpp, SmppOptions):
        return "" if smpp is None else "smpp must be SmppOptions(...) or None"
    # Plain http is a platform on this machine. What is meant for it must not reach the real one by SMPP.
    if smpp.servers == SMPP_SERVERS and nodes and all(node.url.startswith("http:") for node in nodes):
        return (
            "nodes= are of this machine, and SMPP would reach the real platform: name the servers that belong to them, "
            "SmppOptions(servers=...)"
        )
    return ""


def _check_nodes(options: dict[str, Any]) -> None:
    """Refuse nodes that are none, and forget them: a URL may hold a password, and tracebacks show the caller's dict."""
    problem = _nodes_problem(options)
    if problem:
        options.clear()
        raise ConfigurationError(problem)


def _nodes_problem(options: Mapping[str, Any]) -> str:
    nodes = options.get("nodes", _DEFAULT_NODES)
    names = [node.name for node in nodes if isinstance(node, Node)] if _is_tuple(nodes) else []
    if not _is_tuple(nodes) or len(names) != len(nodes):
        return "nodes is a tuple of Node: parse_nodes makes one of URLs"
    if not names:
        return "at least one node is needed"
    return "" if len(set(names)) == len(names) else "two nodes share one host and port"


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


check_before_init(Settings, _nodes_problem)

_GROUPS = {
    "credentials": Credentials,
    "timeouts": Timeouts,
    "retry": RetryPolicy,
    "http": HttpOptions,
    "soap": SoapOptions,
    "tracking": TrackingOptions,
    "inbound": InboundOptions,
}
