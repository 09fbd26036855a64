"""What clients of the sandbox got wrong: misspelt fields, wrong types, broken rules.

The platform would pass over most of it in silence, or refuse it without saying
why. Here it is written down; a test can assert that nothing was.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sms_traffic_async.sandbox.clock import SandboxClock

__all__ = ("Finding", "Findings")

KEEP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a request had wrong. Holds no value of the request, only names.

    Attributes:
        at: sandbox time, seconds since the epoch.
        protocol: such as ``v2``.
        operation: such as ``send``.
        node: 1 or 2.
        request_id: of the request, as in the accept log.
        field: where, such as ``destinations[3].trackingdata``.
        problem: what, as a sentence.
        refused: whether the request was refused for it.
    """

    at: float
    protocol: str
    operation: str
    node: int
    request_id: str
    field: str
    problem: str
    refused: bool = False


class Findings:
    """The newest findings, oldest first, and how many there were at all."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._kept: deque[Finding] = deque(maxlen=KEEP)
        self.total: int = 0

    def add(
        self,
        field: str,
        problem: str,
        *,
        protocol: str,
        operation: str,
        node: int,
        request_id: str,
        refused: bool = False,
    ) -> None:
        """Write one down."""
        self.total += 1
        self._kept.append(
            Finding(
                at=self._clock.now(),
                protocol=protocol,
                operation=operation,
                node=node,
                request_id=request_id,
                field=field,
                problem=problem,
                refused=refused,
            )
        )

    def clear(self) -> None:
        """Forget them."""
        self._kept.clear()
        self.total = 0

    def __iter__(self) -> Iterator[Finding]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def __bool__(self) -> bool:
        return bool(self._kept)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known field that a misspelt one most likely means."""
    by_fold = {candidate.replace("_", "").casefold(): candidate for candidate in known}
    folded = name.replace("_", "").casefold()
    if folded in by_fold:
        return by_fold[folded]
    close = difflib.get_close_matches(folded, by_fold, n=1)
    return by_fold[close[0]] if close else None
