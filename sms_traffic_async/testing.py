"""The sandbox for test suites: on a thread of its own, used from any test, sync or async.

The pytest plugin is made of this; with another runner use it directly::

    with SandboxThread() as sandbox:
        run_my_code(**sandbox.client_options())
        message = sandbox.inbox.wait(to="79161112233", text="code")
        assert message.code == "1234"
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sms_traffic_async.errors import ConfigurationError

if TYPE_CHECKING:
    from sms_traffic_async.sandbox import FaultRecord, FaultRule, Sandbox
    from sms_traffic_async.sandbox.clock import Duration
    from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("CaughtMessage", "Inbox", "MessageNotCaught", "SandboxFaults", "SandboxThread")

T = TypeVar("T")
LONGEST_CALL = 30.0
NEAR_MISSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtMessage:
    """A message that the sandbox took, or that a subscriber wrote, as it stood when it was looked at.

    Attributes:
        id: the platform's id.
        to: the subscriber's number.
        originator: the sender; of an inbound message, the number written to.
        text: its text.
        via: ``v2``, ``v1``, ``soap``, ``smpp``, ``smtp``; ``air`` for inbound messages.
        status: the platform's word; ``""`` while there is none.
        parts: how many SMS it takes.
        encoding: ``gsm7`` or ``ucs2``.
        codes: what looks like one-time codes in the text, the likeliest first.
        links: the links in the text.
        inbound: a subscriber wrote it.
    """

    id: str
    to: str
    originator: str
    text: str
    via: str
    status: str
    parts: int
    encoding: str
    submitted_at: datetime
    login: str
    tracking_data: str | None = None
    codes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    inbound: bool = False

    @property
    def code(self) -> str:
        """The one-time code, digits and letters only (``123 456`` is ``123456``).

        Raises:
            ConfigurationError: the text has nothing that looks like one.
        """
        if not self.codes:
            raise ConfigurationError(f"no code in {self.text!r}")
        return "".join(char for char in self.codes[0] if char.isalnum())


class MessageNotCaught(AssertionError):
    """No such message came in time; the text lists what did come."""


class SandboxThread:
    """A sandbox on a thread and loop of its own.

    Args:
        **options: of `Sandbox`. A test suite wants no waiting, so here every step
            of a message takes no time unless ``pace=`` says otherwise.

    Raises:
        ConfigurationError: the sandbox's packages are not installed.
    """

    def __init__(self, **options: Any) -> None:
        try:
            from sms_traffic_async.sandbox import Pace, Sandbox
        except ImportError as error:  # the extra is missing
            raise ConfigurationError(f"the sandbox needs: pip install 'sms-traffic-async[sandbox]' ({error})") from None
        options.setdefault("pace", Pace(send=0, buffer=0, final=0, upgrade=0, expire=0, report=0))
        self._make: Callable[[], Sandbox] = partial(Sandbox, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Future[None] = Future()
        self._thread: threading.Thread | None = None
        self._sandbox: Sandbox | None = None
        self.inbox: Inbox = Inbox(self)
        self.faults: SandboxFaults = SandboxFaults(self)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; returns when it listens.

        Raises:
            ConfigurationError: it runs already, or an extra is missing.
        """
        if self._thread is not None:
            raise ConfigurationError("this sandbox runs already")
        ready: Future[None] = Future()
        self._stop = Future()
        work = partial(self._run, ready, self._stop)
        self._thread = threading.Thread(target=work, name="sms-traffic sandbox", daemon=True)
        self._thread.start()
        try:
            ready.result(LONGEST_CALL)
        except BaseException:  # a Ctrl-C too: nobody would end it later
            self.stop()
            raise

    def stop(self) -> None:
        """End it; returns when everything is closed. Doing it twice changes nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stop.set_result(None)
        thread.join(LONGEST_CALL)
        self._sandbox = self._loop = None

    def _run(self, ready: Future[None], stop: Future[None]) -> None:
        asyncio.run(self._serve(ready, stop))

    async def _serve(self, ready: Future[None], stop: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            async with self._make() as sandbox:
                self._sandbox = sandbox
                ready.set_result(None)
                await asyncio.wrap_future(stop)
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    def begin(self, work: Callable[[Sandbox], Coroutine[Any, Any, T]]) -> Future[T]:
        """Start a coroutine with the sandbox in its own loop; the future may be waited for anywhere.

        Raises:
            ConfigurationError: it does not run.
        """
        sandbox, loop = self._sandbox, self._loop
        if sandbox is None or loop is None:
            raise ConfigurationError("this sandbox does not run")
        return asyncio.run_coroutine_threadsafe(work(sandbox), loop)

    def call(self, work: Callable[[Sandbox], T]) -> T:
        """Do something with the sandbox in its own loop: ``thread.call(lambda sandbox: len(sandbox.accepted))``.

        Raises:
            ConfigurationError: it does not run.
        """

        async def run(sandbox: Sandbox) -> T:
            return work(sandbox)

        return self.begin(run).result(LONGEST_CALL)

    def client_options(self) -> dict[str, Any]:
        """What ``SmsTraffic(**...)`` needs to speak to it, without waiting between two looks at a status."""
        from sms_traffic_async.settings import Timeouts

        return self.call(lambda sandbox: sandbox.client_options()) | {"timeouts": Timeouts(poll_after=0.05)}

    @property
    def page_url(self) -> str:
        """Where its inbox page is."""
        return self.call(lambda sandbox: sandbox.page_url)

    def advance(self, duration: Duration) -> None:
        """Move its clock: ``"2h"``, seconds or a timedelta; what is due has happened when this returns."""
        self.begin(lambda sandbox: sandbox.advance(duration)).result(LONGEST_CALL)

    def receive(self, *, sender: str, text: str, recipient: str = "1234") -> CaughtMessage:
        """A subscriber writes to one of your numbers."""
        return self.call(
            lambda sandbox: _caught(sandbox, sandbox.inbound(sender=sender, recipient=recipient, text=text))
        )

    def reset(self) -> None:
        """Forget messages, logs and faults, and put accounts, switches and pace back to how they began."""
        self.call(lambda sandbox: sandbox.restore())


class Inbox:
    """The messages that were caught, oldest first; thread-safe."""

    def __init__(self, thread: SandboxThread) -> None:
        self._thread = thread

    @property
    def messages(self) -> tuple[CaughtMessage, ...]:
        """All of them, as they stand now."""
        return self._thread.call(lambda sandbox: tuple(_caught(sandbox, one) for one in sandbox.messages))

    @property
    def last(self) -> CaughtMessage:
        """The newest.

        Raises:
            MessageNotCaught: there is none.
        """
        messages = self.messages
        if not messages:
            raise MessageNotCaught("no message was caught")
        return messages[-1]

    def __iter__(self) -> Iterator[CaughtMessage]:
        return iter(self.messages)

    def __len__(self) -> int:
        return self._thread.call(lambda sandbox: len(sandbox.messages))

    def __getitem__(self, index: int) -> CaughtMessage:
        return self.messages[index]

    def clear(self) -> None:
        """Forget them."""
        self._thread.call(lambda sandbox: sandbox.reset())

    def wait(
        self,
        *,
        to: str | None = None,
        text: str | None = None,
        originator: str | None = None,
        via: str | None = None,
        after: CaughtMessage | None = None,
        timeout: float = 5.0,
    ) -> CaughtMessage:
        """The first message that matches, now or as soon as it comes; blocks, for sync tests.

        Args:
            to: its number; ``+``, spaces and dashes do not matter.
            text: a piece of its text.
            originator: its sender.
            via: the protocol it came by.
            after: only what came later than this one.
            timeout: seconds.

        Raises:
            MessageNotCaught: none came in time.
        """
        wanted = _Wanted(_digits(to), text, originator, via, after)
        return self._thread.begin(lambda sandbox: _wait(sandbox, wanted, timeout)).result(timeout + LONGEST_CALL)

    async def wait_for(
        self,
        *,
        to: str | None = None,
        text: str | None = None,
        originator: str | None = None,
        via: str | None = None,
        after: CaughtMessage | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109 - the bound is part of the answer
    ) -> CaughtMessage:
        """The same for async tests.

        Cancellation: waits no longer.
        """
        wanted = _Wanted(_digits(to), text, originator, via, after)
        return await asyncio.wrap_future(self._thread.begin(lambda sandbox: _wait(sandbox, wanted, timeout)))


class SandboxFaults:
    """The faults of the sandbox, set from any thread."""

    def __init__(self, thread: SandboxThread) -> None:
        self._thread = thread

    def add(self, rule: FaultRule, *, seed: int | str = 0) -> FaultRule:
        """Use a rule from now on."""
        return self._thread.call(lambda sandbox: sandbox.faults.add(rule, seed=seed))

    def profile(self, name: str, seed: int | str = 0) -> None:
        """Use a named set of rules instead of those in use."""
        self._thread.call(lambda sandbox: sandbox.faults.profile(name, seed))

    def clear(self) -> None:
        """No more faults."""
        self._thread.call(lambda sandbox: sandbox.faults.clear())

    @property
    def log(self) -> Sequence[FaultRecord]:
        """What was injected, oldest first."""
        return self._thread.call(lambda sandbox: tuple(sandbox.faults.log))


@dataclass(frozen=True, slots=True)
class _Wanted:
    to: str | None
    text: str | None
    originator: str | None
    via: str | None
    after: CaughtMessage | None

    def misses(self, message: StoredMessage) -> int:
        """How many of the wishes it does not fulfil."""
        return sum(
            (
                self.to is not None and self.to not in message.to,
                self.text is not None and self.text not in message.text,
                self.originator is not None and self.originator != message.originator,
                self.via is not None and self.via != message.protocol,
                self.after is not None and int(message.id) <= int(self.after.id),
            )
        )

    def __str__(self) -> str:
        wishes = {"to": self.to, "text": self.text, "originator": self.originator, "via": self.via}
        return ", ".join(f"{name}={value!r}" for name, value in wishes.items() if value is not None) or "any message"


async def _wait(sandbox: Sandbox, wanted: _Wanted, seconds: float) -> CaughtMessage:
    from sms_traffic_async.sandbox.waiting import wait_for_message

    found = await wait_for_message(sandbox.platform, lambda message: not wanted.misses(message), seconds)
    if found is not None:
        return _caught(sandbox, found)
    newest_first = sandbox.messages[::-1]
    near = sorted(newest_first, key=wanted.misses)[:NEAR_MISSES]
    lines = [f"no message with {wanted} within {seconds:g} s; {len(sandbox.messages)} came"]
    lines += [f"  to={one.to} via={one.protocol} from={one.originator!r} {one.text!r}" for one in near]
    raise MessageNotCaught("\n".join(lines))


def _caught(sandbox: Sandbox, message: StoredMessage) -> CaughtMessage:
    from sms_traffic_async.sandbox.reading import codes, links

    return CaughtMessage(
        id=message.id,
        to=message.to,
        originator=message.originator,
        text=message.text,
        via=message.protocol,
        status=message.status,
        parts=message.parts,
        encoding=message.encoding,
        submitted_at=sandbox.clock.datetime(message.submitted_at),
        login=message.login,
        tracking_data=message.tracking_data,
        codes=codes(message.text),
        links=links(message.text),
        inbound=message.direction == "mo",
    )


def _digits(number: str | None) -> str | None:
    return None if number is None else "".join(char for char in number if char.isdigit())
