"""The protocols of one view of a session, each opened when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from sms_traffic_async.connections import Connections
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Via
from sms_traffic_async.settings import Settings

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http_v1 import HttpV1
    from sms_traffic_async.protocols.http_v2 import HttpV2
    from sms_traffic_async.protocols.smtp import Smtp
    from sms_traffic_async.protocols.soap import Soap

    Carrier: TypeAlias = HttpV2 | HttpV1 | Soap | Smtp

__all__ = ("Carriers",)


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
        raise ConfigurationError(
            "no credentials: give api_key= (SMS_TRAFFIC_API_KEY), or login= and password= (…_LOGIN, …_PASSWORD)"
        )

    def of(self, via: Via | None) -> Carrier:
        """The carrier of that name; by default the newest that the session is set up for."""
        match via:
            case None:
                return self.by_http()
            case "v2":
                return self.v2
            case "v1":
                return self.v1
            case "soap":
                return self.soap
            case "smtp":
                return self.smtp
            case _:
                raise ConfigurationError(f"via={via!r}: messages are carried by v2, v1, soap and smtp")
