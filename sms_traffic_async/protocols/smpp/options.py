"""The numbers of a session, in seconds where they are times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.smpp.fields import MAX_PDU_BYTES
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Role

__all__ = ("ESME_KEEP_ALIVE", "SMSC_KEEP_ALIVE", "KeepAlive", "SessionOptions")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive:
    """How one end sees to it that the other is alive. ``None`` switches a rule off.

    Attributes:
        interval: an enquire_link so often, whatever the traffic: the platform
            cuts a transmitter without them after two minutes.
        limit: how long its answer may take.
        misses: after so many in a row without one octet from the peer, it is dead.
        silence: a full window and no octet for so long: an enquire_link at once.
        probe_limit: how long the answer to that one may take.
        peer_limit: the peer is cut without an enquire_link from it for so long.
        answer_limit: the peer is cut without an enquire_link_resp from it for so long.
    """

    interval: float | None = 30.0
    limit: float = 30.0
    misses: int | None = 2
    silence: float | None = 2.0
    probe_limit: float = 5.0
    peer_limit: float | None = None
    answer_limit: float | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"KeepAlive.{name} must be greater than 0, not {value!r}")


ESME_KEEP_ALIVE: Final = MappingProxyType(dict.fromkeys(BindMode, KeepAlive()))
"""The client asks in every mode (field notes, Q9)."""

_ASKS: Final = KeepAlive(misses=None, silence=None, answer_limit=120.0)
SMSC_KEEP_ALIVE: Final = MappingProxyType(
    {
        BindMode.TRANSMITTER: KeepAlive(interval=None, misses=None, silence=None, peer_limit=120.0),
        BindMode.RECEIVER: _ASKS,
        BindMode.TRANSCEIVER: KeepAlive(misses=None, silence=None, peer_limit=120.0, answer_limit=120.0),
    }
)
"""The platform's side (document, "Enquire_links обязательны")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session behaves.

    Attributes:
        window: requests of ours without answer at once. Heartbeats, answers,
            bind and unbind are outside of it.
        response_timeout: after so long without answer a request is `Expired`.
        late_timeout: an answer is still matched until so long after sending.
        bind_timeout: for the answer to a bind; as an SMSC, for the bind itself.
        unbind_timeout: for the answer to our unbind.
        leave_timeout: after the peer's unbind, for answers that are owed.
        partial_timeout: for the rest of a PDU that has begun.
        max_pdu_bytes: a longer ``command_length`` ends the link.
        max_unanswered: requests of the peer's without our answer at once; what
            comes beyond is refused with ESME_RMSGQFUL.
        keep_alive: heartbeats by bind mode; ``None`` takes the role's own.
    """

    window: int = 10
    response_timeout: float = 30.0
    late_timeout: float = 60.0
    bind_timeout: float = 30.0
    unbind_timeout: float = 5.0
    leave_timeout: float = 5.0
    partial_timeout: float = 30.0
    max_pdu_bytes: int = MAX_PDU_BYTES
    max_unanswered: int = 1000
    keep_alive: Mapping[BindMode, KeepAlive] | None = None

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name != "keep_alive" and not value > 0:
                raise ConfigurationError(f"SessionOptions.{name} must be greater than 0, not {value!r}")
        if self.late_timeout < self.response_timeout:
            raise ConfigurationError("SessionOptions.late_timeout must not be less than response_timeout")

    def keep_alive_of(self, role: Role, mode: BindMode) -> KeepAlive:
        """The heartbeats of a bound session."""
        table = self.keep_alive or (ESME_KEEP_ALIVE if role is Role.ESME else SMSC_KEEP_ALIVE)
        return table[mode]
