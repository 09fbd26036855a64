"""Who may bind: credentials, money, addresses, and one receiver or transceiver for each node and system_id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sms_traffic_async.protocols.smpp.pdu import Bind
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.classic import Note
from sms_traffic_async.sandbox.platform import Platform

__all__ = ("Slots", "sign_in")

_OK: Final = CommandStatus.ESME_ROK


def sign_in(platform: Platform, bind: Bind, ip: str, note: Note) -> Principal | CommandStatus:
    """Who binds, or why not: 0x0E for either half of the credentials, 0x0D for no money ("Типичные ошибки")."""
    principal = platform.accounts.by_system_id(bind.system_id, bind.password.reveal())
    if principal is None:
        note("system_id", "no such system_id, or another password", refused=True)
        return CommandStatus.ESME_RINVPASWD
    account = principal.account
    if not account.allows(ip):
        # The document says that addresses can be limited, and not what others are told.
        note("bind", "comes from an address that the account does not allow", refused=True)
        return CommandStatus.ESME_RBINDFAIL
    if not account.affords(account.price):
        note("bind", "there is no money on the account", refused=True)
        return CommandStatus.ESME_RBINDFAIL
    return principal


class _Key(NamedTuple):
    node: int
    system_id: str


class _Ghost(NamedTuple):
    """A connection is gone, and the platform has not noticed."""

    until: float


class Slots:
    """The places of receivers and transceivers; transmitters need none."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._holders: dict[_Key, object] = {}

    def take(self, node: int, system_id: str, holder: object) -> CommandStatus:
        """Give the place to a holder, or say that it is taken (0x05)."""
        key = _Key(node, system_id)
        if self._is_taken(key):
            return CommandStatus.ESME_RALYBND
        self._holders[key] = holder
        return _OK

    def leave(self, node: int, system_id: str, holder: object, *, ghost: float = 0.0) -> None:
        """A holder is over. A ghost stays in its place for so many sandbox seconds."""
        key = _Key(node, system_id)
        if self._holders.get(key) is not holder:
            return
        if ghost > 0:
            self._holders[key] = _Ghost(self._platform.clock.now() + ghost)
        else:
            del self._holders[key]

    def add_ghost(self, node: int, system_id: str, seconds: float) -> None:
        """Put a ghost into a free place: somebody was there, and the platform believes that he still is."""
        key = _Key(node, system_id)
        if not self._is_taken(key):
            self._holders[key] = _Ghost(self._platform.clock.now() + seconds)

    def ghosts(self) -> Iterator[tuple[int, str]]:
        """The places that nobody is in and nobody can take."""
        held = [key for key, one in self._holders.items() if isinstance(one, _Ghost) and self._is_taken(key)]
        return iter(held)

    def clear_ghosts(self) -> None:
        """Forget them."""
        self._holders = {key: one for key, one in self._holders.items() if not isinstance(one, _Ghost)}

    def _is_taken(self, key: _Key) -> bool:
        holder = self._holders.get(key)
        if isinstance(holder, _Ghost):
            return holder.until > self._platform.clock.now()
        return holder is not None
