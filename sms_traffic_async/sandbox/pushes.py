"""The platform's calls to customers: statuses, inbound messages, short numbers, letters.

The document says: statuses after every change, at most 50 in a call; anything
but 200 or 204 makes a script "temporarily unavailable", and calls get rarer
until it answers well again. Inbound calls are answered 200. How long the pauses
are, and when the platform gives up, it does not say: `Retries` does.

Pauses and dates are of the sandbox's clock. While a test moves it, time stands
still until the calls that are due have been answered (for `QUIET` seconds of
the loop's own time at most), so ``advance("2h")`` brings every retry in its order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.inbound_email import post
from sms_traffic_async.sandbox.life import StatusChange
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.pushes_calls import Calls
from sms_traffic_async.sandbox.pushes_http import Answered, PushClient
from sms_traffic_async.sandbox.pushes_log import PushAttempt, PushCall, PushLog
from sms_traffic_async.sandbox.pushes_route import Entry, Held, Key, Route, struck
from sms_traffic_async.sandbox.pushes_settings import Retries
from sms_traffic_async.sandbox.pushes_wire import HttpPush, StatusItem, items_of
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("PushStats", "Pushes")

QUIET = 2.0
_STATUSES_OK = frozenset({200, 204})
_MAIL_OK = 250
_OTHERS_OK = frozenset({200, _MAIL_OK})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushStats:
    """Counts since the last reset.

    Attributes:
        calls: calls that were begun.
        attempts: how often they were made.
        failed: attempts that were not answered well.
        delivered: calls that were answered well.
        waiting: things to tell that nobody has taken yet.
        unavailable: destinations that do not answer well now.
        lost: things dropped for want of room.
    """

    calls: int
    attempts: int
    failed: int
    delivered: int
    waiting: int
    unavailable: int
    lost: int


class Pushes:
    """All destinations of one sandbox. It lives in the loop of its sandbox and owns its tasks.

    Args:
        platform: whose news it brings.
        relay: host and port of the mail server for letters of accounts that name none.
    """

    def __init__(self, platform: Platform, *, relay: tuple[str, int] | None = None) -> None:
        self._platform = platform
        self._client = PushClient()
        self._routes: dict[Key, Route] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow: set[asyncio.Task[None]] = set()
        self._woken = 0
        self._attempts = self._failed = self._delivered = 0
        self.log: PushLog = PushLog()
        self._calls = Calls(platform, self.log, relay)
        self.listeners: list[Callable[[PushCall], object]] = []
        """Called whenever a call was begun or got an answer."""
        platform.life.listeners.append(self._changed)
        platform.inbound.ways.append(self._came)
        platform.clock.settlers.append(self.quiet)

    # --- what there is to tell

    def _changed(self, change: StatusChange) -> None:
        message = change.message
        account = self._platform.accounts.get(message.login.partition(":")[0])
        if not account.pushes.url or message.direction == "mo":
            return
        route = self._route(Key("statuses", account.login))
        for item in items_of(message, change.status, change.at):
            self._enter(route, Entry(message, item), "push")

    def _came(self, message: StoredMessage) -> None:
        account = self._platform.inbound.account_of(message)
        settings = account.inbound
        short = settings.short_number(message.originator)
        if short is not None:
            self._enter(self._route(Key("short_number", account.login, short.number)), Entry(message), "inbound")
            return
        if settings.url:
            self._enter(self._route(Key("inbound", account.login)), Entry(message), "inbound")
        if settings.email:
            self._enter(self._route(Key("email", account.login)), Entry(message), "inbound")

    def _route(self, key: Key) -> Route:
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = Route(key)
        return route

    def _enter(self, route: Route, entry: Entry, operation: str) -> None:
        platform, message = self._platform, entry.message
        name = message.id if entry.item is None else entry.item.message_id
        made = struck(platform.faults.draw("push", message.node, operation, name))
        entry = entry._replace(drop=made.drop)
        for number in range(made.copies):
            if made.delay:
                platform.clock.call_later(made.delay, self._admit, route, entry)
            elif made.passed_by and not number:
                held = Held(entry, made.passed_by)
                route.held.append(held)
                platform.clock.call_later(made.hold, self._release, route, held)
            else:
                self._admit(route, entry)

    def _admit(self, route: Route, entry: Entry) -> None:
        if route.gone:
            return
        for held in route.add(entry):
            self._release(route, held)
        self._wake(route)

    def _release(self, route: Route, held: Held) -> None:
        if held in route.held:
            route.held.remove(held)
            self._admit(route, held.entry)

    # --- calls

    def _wake(self, route: Route) -> None:
        """Look at a route when this instant, or this turn of the loop, is over: what comes in it shares calls."""
        if route.woken or route.gone:
            return
        route.woken = True
        self._woken += 1
        self._platform.clock.unsettle()
        asyncio.get_running_loop().call_soon(self._pump, route)

    def _pump(self, route: Route) -> None:
        route.woken = False
        self._woken -= 1
        if route.gone:
            return
        retries = self._calls.retries(route.key)
        while route.may_begin(retries, self._platform.clock.now()):
            call = route.retries.popleft() if route.retries else self._calls.next_of(route)
            if call is None:
                break
            route.in_flight += 1
            self._begin(call, partial(self._ended, route, retries))

    def _begin(self, call: PushCall, ended: Callable[[PushCall, PushAttempt], None], *, by_hand: bool = False) -> None:
        call.state, call.next_at = "in flight", None
        self._tell(call)
        work = self._attempt(call, ended, by_hand=by_hand)
        task = asyncio.get_running_loop().create_task(work, name=f"sandbox-{call.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._slow.discard)

    async def _attempt(self, call: PushCall, ended: Callable[[PushCall, PushAttempt], None], *, by_hand: bool) -> None:
        loop, at = asyncio.get_running_loop(), self._platform.clock.now()
        began = loop.time()
        answered = await self._delivered_by(call)
        attempt = PushAttempt(
            at=at,
            seconds=loop.time() - began,
            status=answered.status,
            error=answered.error,
            answer=answered.body,
            content_type=answered.content_type,
            by_hand=by_hand,
        )
        call.attempts.append(attempt)
        self._attempts += 1
        self._platform.clock.unsettle()
        ended(call, attempt)
        self._tell(call)

    async def _delivered_by(self, call: PushCall) -> Answered:
        drop, call.drop = call.drop, ""
        seconds = self._calls.retries(Key(call.kind, call.login)).timeout
        if drop == "before":
            return Answered(None, "the connection was dropped by a fault rule")
        if isinstance(call.parcel, HttpPush):
            return await self._client.call(call.parcel, seconds=seconds, drop_answer=drop == "after")
        problem = await post(call.parcel, seconds)
        if drop and not problem:
            problem = "the answer was dropped by a fault rule"
        return Answered(None, problem) if problem else Answered(_MAIL_OK)

    def _ended(self, route: Route, retries: Retries, call: PushCall, attempt: PushAttempt) -> None:
        route.in_flight -= 1
        if route.gone:
            return
        if self._succeeded(call, attempt):
            route.succeeded()
        else:
            clock = self._platform.clock
            route.failed(call, retries, clock.now())
            clock.call_at(route.not_before, self._wake, route)
        self._wake(route)

    def _succeeded(self, call: PushCall, attempt: PushAttempt) -> bool:
        good = attempt.status in (_STATUSES_OK if call.kind == "statuses" else _OTHERS_OK)
        self._delivered += good
        self._failed += not good
        if good:
            call.state = "delivered"
            if call.kind == "short_number":
                (message,) = call.messages
                inbound = self._platform.inbound
                inbound.answered(message, attempt.answer, content_type=attempt.content_type, request_id=call.id)
        return good

    # --- by hand

    def resend(self, call_id: str) -> PushCall:
        """Make a call once more now, whatever became of it. One good answer brings its destination back.

        Raises:
            ConfigurationError: there is no such call any more, or it is under way.
        """
        call = self.log.get(call_id)
        if call is None or call.state == "in flight":
            raise ConfigurationError("there is no such call" if call is None else "this call is under way")
        number = next((message.originator for message in call.messages), "")
        key = Key(call.kind, call.login, number if call.kind == "short_number" else "")
        route = self._route(key)
        before, next_at = call.state, call.next_at
        if call in route.retries:
            route.retries.remove(call)

        def ended(call: PushCall, attempt: PushAttempt) -> None:
            if self._succeeded(call, attempt):
                route.succeeded()
                self._wake(route)
                return
            call.state, call.next_at = before, next_at
            if before == "waiting" and not route.gone:
                route.retries.appendleft(call)

        self._begin(call, ended, by_hand=True)
        return call

    def push(self, message: StoredMessage, *, status: str | None = None) -> PushCall:
        """Tell a status of a message now, whether it has changed or not.

        Args:
            message: what about.
            status: instead of its own; any word.

        Raises:
            ConfigurationError: the account has no URL for statuses.
        """
        account = self._platform.accounts.get(message.login.partition(":")[0])
        if not account.pushes.url:
            raise ConfigurationError(f"the account {account.login} has no URL for statuses")
        at = self._platform.clock.now() if message.status_at is None or status is not None else message.status_at
        word = message.status if status is None else status
        items: list[StatusItem] = items_of(message, word, at)
        if account.pushes.form == "form":
            items = items[:1]
        call = self._calls.of_statuses(account, [Entry(message, item) for item in items])
        route = self._route(Key("statuses", account.login))
        route.in_flight += 1
        self._begin(call, partial(self._ended, route, account.pushes.retries))
        return call

    def recover(self, login: str) -> None:
        """Take an account's destinations as available again: somebody changed where they are."""
        for key, route in self._routes.items():
            if key.login == login:
                route.succeeded()
                self._wake(route)

    # --- life

    @property
    def stats(self) -> PushStats:
        """Counts since the last reset."""
        routes = self._routes.values()
        return PushStats(
            calls=self._calls.made,
            attempts=self._attempts,
            failed=self._failed,
            delivered=self._delivered,
            waiting=sum(
                len(one.entries) + len(one.held) + sum(len(call.messages) for call in one.retries) for one in routes
            ),
            unavailable=sum(one.failures > 0 for one in routes),
            lost=sum(one.lost for one in routes),
        )

    async def settled(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - the public face
        """Wait until every call that is due has been answered or has failed.

        Args:
            timeout: seconds of the loop's own time.

        Raises:
            TimeoutError: some are still under way.
        """
        async with asyncio.timeout(timeout):
            await self._idle(besides=())

    async def quiet(self) -> None:
        """The same, for `QUIET` seconds at most and without an error: the clock stands still meanwhile.

        A call that has held it up once does not do it again.
        """
        try:
            async with asyncio.timeout(QUIET):
                await self._idle(besides=self._slow)
        except TimeoutError:
            self._slow |= self._tasks

    async def _idle(self, *, besides: Collection[asyncio.Task[None]]) -> None:
        while True:
            left = self._tasks.difference(besides)
            if left:
                await asyncio.wait(left)
            elif not self._woken:
                return
            await asyncio.sleep(0)

    def reset(self) -> None:
        """Forget everything that waits, calls under way too, and the log."""
        for route in self._routes.values():
            route.gone = True
        for call in self.log:
            if call.state in {"waiting", "in flight"}:
                call.state, call.next_at = "forgotten", None
        self._routes.clear()
        for task in self._tasks:
            task.cancel()
        self.log.clear()
        self._calls.made = self._attempts = self._failed = self._delivered = 0

    async def aclose(self) -> None:
        """End every call and close the connections."""
        for route in self._routes.values():
            route.gone = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def _tell(self, call: PushCall) -> None:
        for listener in self.listeners:
            listener(call)
