"""No hammering with a credential that was just refused (HTTP 401 and 403).

A refused key is refused again, and every try is one more line in somebody's
log of break-ins. So for a few seconds the same kind of call fails at once, with
the same error and without I/O.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ("REFUSED_FOR", "CredentialCircuit", "RefusedLogins")

REFUSED_FOR = 10.0
"""Seconds for which a refusal is believed without asking again."""

_ANY = ""


class CredentialCircuit:
    """Which operations the credential was refused for, and until when. Times are monotonic seconds."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, int]] = {}

    def refused(self, operation: str, status: int, now: float) -> None:
        """The platform refused: 401 the credential as such, 403 for this operation."""
        key = operation if status == 403 else _ANY  # noqa: PLR2004 - HTTP statuses
        self._until[key] = (now + REFUSED_FOR, status)

    def status(self, operation: str, now: float) -> int | None:
        """The HTTP status to fail with at once, or ``None`` to ask the platform."""
        if not self._until:
            return None
        for key in (_ANY, operation):
            until, status = self._until.get(key, (0.0, 0))
            if now < until:
                return status
            self._until.pop(key, None)
        return None


_MOST_LOGINS = 100


class RefusedLogins:
    """The same for logins and passwords, which v1 and SOAP share: refused by a body's code, or by a status.

    Bounded: of very many refused logins the oldest are asked about again.
    """

    __slots__ = ("_refused",)

    def __init__(self) -> None:
        self._refused: OrderedDict[tuple[Hashable, str], tuple[float, int | None, int | None]] = OrderedDict()

    def refused(
        self, login: Hashable, now: float, *, operation: str = _ANY, status: int | None, code: int | None
    ) -> None:
        """The platform refused it.

        Args:
            login: login and password.
            now: monotonic seconds.
            operation: the only operation it was refused for; all of them by default.
            status: the HTTP status.
            code: the body's code, if that is where it stood.
        """
        self._refused[login, operation] = (now + REFUSED_FOR, status, code)
        while len(self._refused) > _MOST_LOGINS:
            self._refused.popitem(last=False)

    def refusal(self, login: Hashable, operation: str, now: float) -> tuple[int | None, int | None] | None:
        """Status and code to fail with at once, or ``None`` to ask the platform."""
        if not self._refused:
            return None
        for key in ((login, _ANY), (login, operation)):
            until, status, code = self._refused.get(key, (0.0, None, None))
            if now < until:
                return status, code
            self._refused.pop(key, None)
        return None
