"""Mailing lists of an account: what ``list.php`` manages and ``group`` sends to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ("MailingList", "MailingLists")

FIRST_ID = 59_353
"""The document's first list; its ids go up by two."""


@dataclass(slots=True, kw_only=True, repr=False)
class MailingList:
    """One list.

    Attributes:
        id: its number; ``list.php`` goes by it.
        name: its name; ``group`` of ``multi.php`` goes by it.
        created: seconds since the epoch.
        congratulate: the document's birthday mark; 0 in all its examples.
        members: the numbers, in the order they came.
    """

    id: int
    name: str
    created: float
    congratulate: int = 0
    members: dict[str, None] = field(default_factory=dict[str, None])

    def __repr__(self) -> str:
        return f"MailingList(id={self.id}, name={self.name!r}, members={len(self.members)})"


class MailingLists:
    """The lists of one account, oldest first."""

    def __init__(self) -> None:
        self._lists: dict[int, MailingList] = {}

    def add(self, name: str, members: Iterable[str] = (), *, created: float = 0.0) -> MailingList:
        """Open a list, as the customer does in the cabinet; the API cannot."""
        made = MailingList(
            id=FIRST_ID + 2 * len(self._lists), name=name, created=created, members=dict.fromkeys(members)
        )
        self._lists[made.id] = made
        return made

    @classmethod
    def document(cls) -> MailingLists:
        """The three lists of the document's example; the first has the numbers of its sends."""
        lists = cls()
        lists.add("hello world", ("79051112233", "79261112233"), created=1_589_013_966)
        lists.add("клиенты", created=1_589_014_095)
        lists.add("test", created=1_589_014_129)
        return lists

    def by_id(self, list_id: int) -> MailingList | None:
        """The list of this number, if there is one."""
        return self._lists.get(list_id)

    def by_name(self, name: str) -> MailingList | None:
        """The first list of this name, if there is one."""
        return next((one for one in self if one.name == name), None)

    def __iter__(self) -> Iterator[MailingList]:
        return iter(tuple(self._lists.values()))

    def __len__(self) -> int:
        return len(self._lists)
