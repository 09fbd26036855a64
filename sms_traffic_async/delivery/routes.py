"""Which protocol is asked about what another one sent.

The protocol that sent knows for certain (field notes, U11). What SMPP and e-mail
sent has no question of its own: v1 goes by the same login and by parts as they
do, so it is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from sms_traffic_async.delivery.asking import Ask
from sms_traffic_async.messages import StatusUpdate, Via

__all__ = ("HasStatuses", "Routes", "asking")

_ORDER: Mapping[Via | None, tuple[str, ...]] = {
    "v2": ("v2",),
    "v1": ("v1", "v2"),
    "soap": ("soap", "v1", "v2"),
    "smpp": ("v1", "v2"),  # both go by the part, and by the login
    "smtp": ("v1", "v2"),  # the platform answers a letter in the words of v1
    None: ("v2", "v1", "soap"),
}


class Routes:
    """Who can be asked; see ``asking.Asks``.

    Args:
        ways: how each protocol that the credentials open is asked; made when it is first needed.
    """

    def __init__(self, ways: Mapping[str, Callable[[], Ask]]) -> None:
        self._ways = ways

    def route(self, via: Via | None, /) -> str | None:
        """The protocol to ask; ``None`` where there is none."""
        for name in _ORDER[via]:
            if name in self._ways:
                return name
        return None

    def ask(self, route: str, /) -> Ask:
        """How to ask it."""
        return self._ways[route]()


class _Reply(Protocol):
    @property
    def found(self) -> tuple[StatusUpdate, ...]: ...


class HasStatuses(Protocol):
    """A client of v2, v1 or SOAP."""

    async def statuses(self, ids: Sequence[str], /) -> _Reply:
        """Look statuses up."""
        ...


def asking(client: HasStatuses) -> Ask:
    """A client's look-up as a tracker wants it."""

    async def ask(ids: Sequence[str]) -> Sequence[StatusUpdate]:
        return (await client.statuses(ids)).found

    return ask
