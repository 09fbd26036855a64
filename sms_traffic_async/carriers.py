"""The protocols of one view of a session, each opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeAlias

from sms_traffic_async.choice import choose, configured
from sms_traffic_async.connections import Connections
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.fallback import Choice, Submit, send_with_fallback
from sms_traffic_async.messages import Message, Submission, Via
from sms_traffic_async.posting import Poster
from sms_traffic_async.settings import Settings

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http_v1 import HttpV1
    from sms_traffic_async.protocols.http_v2 import HttpV2
    from sms_traffic_async.protocols.smpp.client import Smpp
    from sms_traffic_async.protocols.smtp import Smtp
    from sms_traffic_async.protocols.soap import Soap

    Carrier: TypeAlias = HttpV2 | HttpV1 | Soap | Smpp | Smtp

__all__ = ("Carriers",)

NO_CREDENTIALS = (
    "no credentials: give api_key= (SMS_TRAFFIC_API_KEY), or login= and password= (SMS_TRAFFIC_LOGIN, …_PASSWORD)"
)


class Carriers:
    """Who carries messages, for the options of one view.

    Every property raises `ConfigurationError` where the session lacks the
    credentials or options for it.
    """

    def __init__(self, settings: Settings, shared: Connections) -> None:
        self._settings = settings
        self._shared = shared

    @cached_property
    def v2(self) -> HttpV2:
        """HTTP API v2."""
        return self._shared.http_v2(self._settings)

    @cached_property
    def v1(self) -> HttpV1:
        """HTTP API v1."""
        return self._shared.http_v1(self._settings)

    @cached_property
    def soap(self) -> Soap:
        """SOAP."""
        return self._shared.soap(self._settings)

    @cached_property
    def smpp(self) -> Smpp:
        """SMPP."""
        return self._shared.smpp(self._settings)

    @cached_property
    def smtp(self) -> Smtp:
        """E-mail."""
        return self._shared.smtp(self._settings)

    def by_http(self) -> HttpV2 | HttpV1:
        """HTTP in the newest version that the credentials open."""
        credentials = self._settings.credentials
        if credentials.api_key is not None:
            return self.v2
        if credentials.login is not None:
            return self.v1
        raise ConfigurationError(NO_CREDENTIALS)

    def of(self, via: Via | None) -> Carrier:
        """The carrier of that name; by default the first of v2, SMPP and v1 that the session is set up for."""
        match self.default if via is None else via:
            case "v2":
                return self.v2
            case "v1":
                return self.v1
            case "soap":
                return self.soap
            case "smpp":
                return self.smpp
            case "smtp":
                return self.smtp
            case _:
                raise ConfigurationError(f"via={via!r}: messages are carried by v2, v1, soap, smpp and smtp")

    @cached_property
    def default(self) -> Via:
        """The protocol that is used where none is named."""
        available = configured(self._settings)
        if not available:
            raise ConfigurationError(NO_CREDENTIALS)
        return available[0]

    def in_turn(self, message: Message, via: Via | None, fallback: Sequence[Via]) -> Submit:
        """What sends a message by the first of several protocols that can; see `fallback`.

        Raises:
            InvalidMessage, ConfigurationError: as ``choose``.
        """
        order = choose(self._settings, message, via, fallback)
        if len(order) == 1:
            return self.of(order[0]).submit
        choices = [Choice(one, self.of(one).submit) for one in order]

        async def submit(message: Message, /, *, timeout: float | None = None) -> Submission:  # noqa: ASYNC109 - the deadline of the whole call
            seconds = self._settings.timeouts.deadline if timeout is None else timeout
            shared = self._shared
            return await send_with_fallback(
                choices, message, timeout=seconds, clock=shared.clock, stats=shared.telemetry.stats
            )

        return submit

    def poster(self, via: Via | None) -> Poster | None:
        """What takes many messages without a task for each, where the protocol can."""
        return self.smpp if (self.default if via is None else via) == "smpp" else None

    def in_bulk(self, via: Via | None) -> Submit:
        """What sends one message of many: those that are sent alone go before it."""
        match self.default if via is None else via:
            case "v2" | "v1" as name:
                from sms_traffic_async.protocols.lanes import Lane

                return partial((self.v2 if name == "v2" else self.v1).submit, lane=Lane.BULK)
            case "smpp":
                return partial(self.smpp.submit, bulk=True)
            case _:
                return self.of(via).submit
