"""``SmsTraffic``: owns every open thing and task, opens protocols on first use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from sms_traffic_async.arguments import read_credentials, read_message, read_nodes, read_settings
from sms_traffic_async.bulk import BulkSend, Messages, Progress
from sms_traffic_async.carriers import Carriers
from sms_traffic_async.choice import bulk_concurrency
from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.connections import Connections
from sms_traffic_async.errors import ConfigurationError, OutcomeUnknown
from sms_traffic_async.lifecycle import State
from sms_traffic_async.messages import Balance, Message, Submission, Via
from sms_traffic_async.observing import observed
from sms_traffic_async.secrets import Secret
from sms_traffic_async.session_protocols import SessionProtocols
from sms_traffic_async.session_reception import SessionReception
from sms_traffic_async.settings import (
    HttpOptions,
    InboundOptions,
    OnUnknown,
    RetryPolicy,
    Settings,
    SmppOptions,
    SmtpOptions,
    SoapOptions,
    Timeouts,
    TrackingOptions,
)
from sms_traffic_async.telemetry import Hook, Stats, Telemetry, read_hooks

if TYPE_CHECKING:
    from sms_traffic_async.fallback import Submit
    from sms_traffic_async.policy.abuse import AbuseGuard

__all__ = ("SmsTraffic",)


class SmsTraffic(SessionProtocols, SessionReception):
    """A session with the gateway.

    It may be made anywhere, even at import time; its first awaited call binds it
    to that event loop and process. Use it as ``async with``, or call ``aclose()``.

    Args:
        api_key: the API key of v2, ``public/secret``.
        login: login of the older protocols; ``main:sub`` for a department.
        password: its password.
        nodes: base URLs, the preferred one first.
        originator: the sender used where a message names none.
        on_unknown: for protocols without a key: ``raise`` (at most once) or ``resend`` (at least once).
        max_parts: a longer text is refused before it is sent.
        phone_region: ``RU`` reads national numbers as Russian.
        timeouts: seconds for every phase.
        retry: how often and how patiently calls are repeated.
        http: connections, TLS, proxy, your own client.
        soap: where and how SOAP is spoken.
        smtp: how letters leave; needed for e-mail only.
        smpp: where and how SMPP is spoken; needed for SMPP only.
        tracking: how messages are followed; a store that survives a restart.
        inbound: how messages of subscribers are taken.
        guard: decides which messages may be sent; for one-time codes.
        hooks: called with frozen events, for metrics and traces; one, or several.
        clock: time and chance, for tests.

    Raises:
        ConfigurationError: an option is bad.
    """

    def __init__(
        self,
        *,
        api_key: str | Secret | None = None,
        login: str | None = None,
        password: str | Secret | None = None,
        nodes: Sequence[str] | None = None,
        originator: str | None = None,
        on_unknown: OnUnknown = "raise",
        max_parts: int = 255,
        phone_region: Literal["RU"] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        http: HttpOptions | None = None,
        soap: SoapOptions | None = None,
        smtp: SmtpOptions | None = None,
        smpp: SmppOptions | None = None,
        tracking: TrackingOptions | None = None,
        inbound: InboundOptions | None = None,
        guard: AbuseGuard | None = None,
        hooks: Hook | Sequence[Hook] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        credentials = read_credentials(api_key, login, password)
        read = read_nodes(nodes)
        del api_key, password, nodes  # a traceback printed with locals shows this frame
        if isinstance(credentials, ConfigurationError):
            raise credentials
        if isinstance(read, ConfigurationError):
            raise read
        settings = Settings(
            credentials=credentials,
            nodes=read,
            originator=originator,
            on_unknown=on_unknown,
            max_parts=max_parts,
            phone_region=phone_region,
            timeouts=timeouts or Timeouts(),
            retry=retry or RetryPolicy(),
            http=http or HttpOptions(),
            soap=soap or SoapOptions(),
            smtp=smtp,
            smpp=smpp,
            tracking=tracking or TrackingOptions(),
            inbound=inbound or InboundOptions(),
        )
        self._adopt(settings, _connect(settings, hooks, clock), guard, owner=True)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        guard: AbuseGuard | None = None,
        hooks: Hook | Sequence[Hook] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> SmsTraffic:
        """A session from one value."""
        session = cls.__new__(cls)
        session._adopt(settings, _connect(settings, hooks, clock), guard, owner=True)  # noqa: SLF001 - our own instance
        return session

    @classmethod
    def from_env(
        cls,
        *,
        guard: AbuseGuard | None = None,
        hooks: Hook | Sequence[Hook] = (),
        clock: Clock = SYSTEM_CLOCK,
        **changes: Any,
    ) -> SmsTraffic:
        """A session from ``SMS_TRAFFIC_…`` variables; ``changes`` are fields of ``Settings`` that override them.

        Raises:
            ConfigurationError: no such field, or a bad value.
        """
        settings = read_settings(changes)
        del changes  # as in __init__
        if isinstance(settings, ConfigurationError):
            raise settings
        return cls.from_settings(settings, guard=guard, hooks=hooks, clock=clock)

    def _adopt(self, settings: Settings, shared: Connections, guard: AbuseGuard | None, *, owner: bool) -> None:
        self._settings = settings
        self._shared = shared
        self._guard = guard
        self._owner = owner
        self._entered = False
        self._carriers = Carriers(settings, shared)

    def with_options(self, **changes: Any) -> SmsTraffic:
        """Another view of this session with some options (or the ``guard``) changed; it shares the connections.

        Options that shape the connections themselves (``nodes``, ``credentials``,
        ``http``, ``soap``, ``smtp``, ``smpp``) or are the session's (``tracking``,
        ``inbound``) cannot be changed: make another session. A view is not closed
        by itself; closing the session closes its views.

        Raises:
            ConfigurationError: no such option, a bad value, or one of those.
        """
        fixed = changes.keys() & {"nodes", "credentials", "http", "soap", "smtp", "smpp", "tracking", "inbound"}
        if fixed:
            changes.clear()  # as in __init__
            raise ConfigurationError(f"{', '.join(sorted(fixed))}: make another session for that")
        guard = changes.pop("guard", self._guard)
        view = SmsTraffic.__new__(SmsTraffic)
        view._adopt(self._settings.with_changes(**changes), self._shared, guard, owner=False)  # noqa: SLF001 - same class
        return view

    @property
    def settings(self) -> Settings:
        """The options of this view."""
        return self._settings

    @property
    def guard(self) -> AbuseGuard | None:
        """The guard of this view."""
        return self._guard

    @property
    def hooks(self) -> Sequence[Hook]:
        """The hooks of the session, shared by its views."""
        return self._shared.telemetry.hooks

    @property
    def stats(self) -> Stats:
        """Counters of the session, shared by its views."""
        return self._shared.telemetry.stats

    async def __aenter__(self) -> Self:
        if not self._owner:
            raise ConfigurationError("enter the session itself, not a view made by with_options")
        if self._entered:
            raise ConfigurationError("a session is entered once")
        if self._shared.life.state is State.CLOSED:
            raise ConfigurationError("this session is closed: make another")
        self._entered = True
        await self._shared.entered()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self, grace: float | None = None) -> None:
        """End the session: no new calls, up to ``grace`` seconds for those under way, then interrupt them.

        An interrupted send ends as ``NotSent(reason="closed")`` or
        ``OutcomeUnknown``. A second call waits for the first.

        Cancellation: skips what is left of the grace time; everything is closed all the same.
        """
        if not self._owner:
            raise ConfigurationError("close the session itself, not a view made by with_options")
        await self._shared.aclose(self._settings.timeouts.close_grace if grace is None else grace)

    async def send(
        self,
        to: str | int | Message,
        text: str | None = None,
        *,
        via: Via | None = None,
        fallback: Sequence[Via] = (),
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call, repeats included
        **options: Any,
    ) -> Submission:
        """Send one message.

        Args:
            to: the number, or a ready ``Message``.
            text: its text, when ``to`` is a number.
            via: the protocol to use; ``None`` takes the first of v2, SMPP and v1 that is set up.
            fallback: protocols that may follow, in order, while provably nothing
                was left behind: no node could be reached, or the platform could
                not take it now.
            timeout: seconds for the whole call.
            **options: further fields of ``Message`` (``originator=``, ``key=``,
                ``start_at=`` …).

        Returns:
            What the platform took, with its ids.

        Raises:
            InvalidMessage: refused before any I/O; names field and rule, and who could carry it.
            NotSent: provably nothing left.
            Rejected: the platform said no.
            OutcomeUnknown: an SMS may have gone out; see ``resolve``.
            ConfigurationError: bad use of the session.

        Cancellation: before the request is written nothing was sent; after
        that the outcome is unknown to the caller, and a repeat is harmless only
        with the same ``key=``.
        """
        options.setdefault("region", self._settings.phone_region)
        message = read_message(to, text, options)
        del to, text, options  # a traceback printed with locals shows this frame
        if not isinstance(message, Message):
            raise message
        if self._guard is None and not fallback and not self._shared.telemetry.scoped:
            return await self._carriers.of(via).submit(message, timeout=timeout)
        submit = self._told(self._carriers.in_turn(message, via, fallback), via)
        return await submit(message, timeout=timeout)

    def _told(self, submit: Submit, via: Via | None, *, elsewhere: bool = False) -> Submit:
        """The same, past the guard and in the sight of hooks that want to know where a send begins."""
        if self._guard is not None:
            submit = partial(self._guard.submit, submit)
        telemetry, first = self._shared.telemetry, via or self._carriers.default
        if telemetry.scoped:
            submit = observed(submit, telemetry, self._shared.clock, first, elsewhere=elsewhere)
        return submit

    def send_many(
        self,
        messages: Messages,
        *,
        concurrency: int | None = None,
        rate: float | None = None,
        progress: Progress | None = None,
        via: Via | None = None,
    ) -> BulkSend:
        """Send any iterable or async iterable of messages, of any length, in constant memory.

        ::

            async with sms.send_many(messages) as results:
                async for result in results: ...
            print(results.summary)

        Args:
            messages: read as needed, once.
            concurrency: messages under way at once; by default enough to keep
                the protocol busy.
            rate: SMS parts a second of this call; ``None`` for as fast as it goes.
            progress: called with the summary, five times a second at most.
            via: the protocol to use.

        Raises:
            ConfigurationError: a bad argument, or a protocol that is not set up.
        """
        submit = self._told(self._carriers.in_bulk(via), via, elsewhere=True)
        if concurrency is None:
            concurrency = bulk_concurrency(self._settings, via or self._carriers.default)
        is_plain = self._guard is None and not self._shared.telemetry.scoped
        return BulkSend(
            messages,
            submit,
            poster=self._carriers.poster(via) if is_plain else None,
            life=self._shared.life,
            concurrency=concurrency,
            rate=rate,
            progress=progress,
            clock=self._shared.clock,
        )

    async def balance(self, *, timeout: float | None = None) -> Balance:  # noqa: ASYNC109 - the deadline of the whole call
        """The account's balance, by HTTP.

        Args:
            timeout: seconds for the whole call.

        Raises:
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        return await self._carriers.by_http().balance(timeout=timeout)

    async def resolve(
        self,
        error: OutcomeUnknown,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - bounds the look-ups
    ) -> Submission:
        """Look up what became of a message whose send ended in ``OutcomeUnknown``.

        Returns:
            The submission, with ``evidence="lookup"``, if the platform knows it.

        Raises:
            OutcomeUnknown: it does not (yet), or cannot tell; the text says which.

        Cancellation: harmless.
        """
        from sms_traffic_async.protocols.http_v2 import SendEvidence

        if not isinstance(cast("object", error), OutcomeUnknown):
            raise ConfigurationError("resolve takes the OutcomeUnknown that send raised")
        if not isinstance(error.evidence, SendEvidence):
            raise OutcomeUnknown(
                "This protocol gives a message no id of ours, so it cannot be looked up.",
                evidence=error.evidence,
                node=error.node,
                message_key=error.message_key,
                advice="A status push or a report tells. By v2, a repeat under the same key is harmless.",
            )
        return await self.v2.resolve(error, timeout=timeout)


def _connect(settings: Settings, hooks: Hook | Sequence[Hook], clock: Clock) -> Connections:
    return Connections(settings, clock=clock, telemetry=Telemetry(hooks=read_hooks(hooks)))
