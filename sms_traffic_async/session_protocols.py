"""The part of a session that hands out its protocols, and changes how fast they may go."""

from __future__ import annotations

from types import EllipsisType
from typing import TYPE_CHECKING

from sms_traffic_async.carriers import Carriers
from sms_traffic_async.connections import Connections

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http_v1 import HttpV1
    from sms_traffic_async.protocols.http_v2 import HttpV2
    from sms_traffic_async.protocols.smpp.client import Smpp
    from sms_traffic_async.protocols.smtp import Smtp
    from sms_traffic_async.protocols.soap import Soap

__all__ = ("SessionProtocols",)


class SessionProtocols:
    """What `SmsTraffic` inherits of the protocols by themselves. Rates are shared by all views of a session."""

    _carriers: Carriers
    _shared: Connections

    @property
    def v2(self) -> HttpV2:
        """HTTP API v2.

        Raises:
            ConfigurationError: the session has no API key.
        """
        return self._carriers.v2

    @property
    def v1(self) -> HttpV1:
        """HTTP API v1 and mailing lists.

        Raises:
            ConfigurationError: the session has no login.
        """
        return self._carriers.v1

    @property
    def soap(self) -> Soap:
        """SOAP, on servers of its own (``soap=SoapOptions(...)``).

        Raises:
            ConfigurationError: the session has no login.
        """
        return self._carriers.soap

    @property
    def smpp(self) -> Smpp:
        """SMPP 3.4 (``smpp=SmppOptions(...)``).

        Raises:
            ConfigurationError: no options for it, or no login.
        """
        return self._carriers.smpp

    @property
    def smtp(self) -> Smtp:
        """E-mail through your relay (``smtp=SmtpOptions(...)``).

        Raises:
            ConfigurationError: no options for it, or no login.
        """
        return self._carriers.smtp

    def set_rate(self, *, http: float | EllipsisType | None = ..., smpp: float | EllipsisType | None = ...) -> None:
        """Keep to another rate from now on; it holds for calls that wait already, too.

        Args:
            http: requests a second of each credential, as ``HttpOptions.rate``; ``None`` for pauses after a 429 only.
            smpp: SMS parts a second, as ``SmppOptions.rate``; ``None`` to learn it. What was learned is forgotten.

        Raises:
            ConfigurationError: neither None nor a finite number above 0; or ``smpp`` without ``smpp=SmppOptions(...)``.
        """
        if not isinstance(smpp, EllipsisType):
            self._shared.transceiver.limiter.rate = smpp
        if not isinstance(http, EllipsisType):
            self._shared.pool.rate = http
