"""``sms.v1.lists``: mailing lists (``list.php``)."""

from __future__ import annotations

from collections.abc import Iterable

from sms_traffic_async import message_rules as rules
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.http.exchange import HttpRequest
from sms_traffic_async.protocols.http_v1.calls import LISTS, V1Calls
from sms_traffic_async.protocols.http_v1.models import MailingList, MembersReply
from sms_traffic_async.protocols.http_v1.wire import Pairs, decode_lists, decode_members, encode_members
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.secrets import mask_phone

__all__ = ("MEMBERS_CHUNK", "Lists")

MEMBERS_CHUNK = 5000
"""Numbers of one request (document: recommended)."""

GROUP_ID_MAX = 2**32 - 1
DIGITS_MAX = 20


class Lists:
    """The account's mailing lists. Made by ``HttpV1``.

    Changing a list twice is as good as once, so every call here is repeated
    like a query.
    """

    def __init__(self, calls: V1Calls, scopes: Scopes, *, region: str | None) -> None:
        self._calls = calls
        self._scopes = scopes
        self._region = region

    async def all(self, *, timeout: float | None = None) -> tuple[MailingList, ...]:  # noqa: ASYNC109 - the deadline of the whole call
        """Every list of the account.

        Raises:
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        return await self._lists("v1.lists.all", [("operation", "status_all")], timeout)

    async def get(self, group_id: str | int, *, timeout: float | None = None) -> MailingList | None:  # noqa: ASYNC109 - the deadline of the whole call
        """One list; ``None`` if the answer holds none. Its form is not documented: see ``MailingList.raw``.

        Raises:
            InvalidMessage: not an id.
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        wanted = _group_id(group_id)
        found = await self._lists("v1.lists.get", [("operation", "status"), ("group_id", wanted)], timeout)
        return next((one for one in found if one.id == wanted), found[0] if found else None)

    async def add_members(
        self,
        group_id: str | int,
        numbers: Iterable[str | int] | str | int,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> MembersReply:
        """Add numbers to a list, 5,000 in a request.

        Raises:
            InvalidMessage: a number or the id is none; nothing was changed.
            RequestError: no node answered, or the platform refused. What the
                requests before it added stays; doing it again is harmless.

        Cancellation: as after an error.
        """
        _group_id(group_id)
        digits, problem = _numbers(numbers, self._region)
        del numbers
        if problem is not None:
            del digits
            raise problem
        requests = self._requests("add_member", group_id, digits)
        del digits  # a traceback printed with locals shows this frame
        return await self._change(requests, timeout)

    async def remove_members(
        self,
        group_id: str | int,
        numbers: Iterable[str | int] | str | int,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> MembersReply:
        """Remove numbers from a list, 5,000 in a request.

        Any digits are taken as they are, so that what came into a list by
        mistake can leave it.

        Raises:
            InvalidMessage: no digits, or the id is none; nothing was changed.
            RequestError: see ``add_members``.

        Cancellation: as after an error.
        """
        _group_id(group_id)
        digits = [str(number).strip().removeprefix("+") for number in _each(numbers)]
        wrong = next((number for number in digits if not _plain(number)), None)
        del numbers
        if wrong is not None:
            masked = mask_phone(wrong)
            del digits, wrong
            raise InvalidMessage("numbers", masked, "digits are needed")
        requests = self._requests("remove_member", group_id, digits)
        del digits  # as in add_members
        return await self._change(requests, timeout)

    async def _lists(self, operation: str, pairs: Pairs, timeout: float | None) -> tuple[MailingList, ...]:  # noqa: ASYNC109
        with self._scopes.query(operation):
            request = self._calls.request(operation, LISTS, pairs)
            ended = await self._calls.query(
                request, lambda _, root: decode_lists(root), deadline=self._calls.deadline(timeout)
            )
            return tuple(ended.value)

    def _requests(self, change: str, group_id: str | int, digits: list[str]) -> list[HttpRequest]:
        wanted = _group_id(group_id)
        chunks = (digits[start : start + MEMBERS_CHUNK] for start in range(0, len(digits), MEMBERS_CHUNK))
        return [
            self._calls.request(f"v1.lists.{change}", LISTS, encode_members(change, wanted, chunk)) for chunk in chunks
        ]

    async def _change(self, requests: list[HttpRequest], timeout: float | None) -> MembersReply:  # noqa: ASYNC109 - the deadline of the whole call
        if not requests:
            raise InvalidMessage("numbers", "none", "at least one number is needed")
        counts: list[int | None] = []
        with self._scopes.query(requests[0].operation):
            deadline = self._calls.deadline(timeout)
            for request in requests:
                ended = await self._calls.query(request, lambda _, root: decode_members(root), deadline=deadline)
                counts.append(ended.value)
        known = [count for count in counts if count is not None]
        return MembersReply(count=sum(known) if len(known) == len(counts) else None, requests=len(counts))


def _group_id(value: str | int) -> str:
    text = str(value)
    if not (_plain(text) and 0 < int(text) <= GROUP_ID_MAX):
        raise InvalidMessage("group_id", "not a number", "a whole number from 1: see lists.all()")
    return text


def _plain(number: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX


def _each(given: Iterable[str | int] | str | int) -> Iterable[str | int]:
    """The numbers; one alone is one, and not its digits."""
    return (given,) if isinstance(given, str | int) else given


def _numbers(given: Iterable[str | int] | str | int, region: str | None) -> tuple[list[str], InvalidMessage | None]:
    found: list[str] = []
    for number in _each(given):
        digits, problem = rules.read_phone(number, region)
        if problem is not None:
            return [], problem
        found.append(digits)
    return found, None
