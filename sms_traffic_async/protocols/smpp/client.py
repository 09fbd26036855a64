"""``sms.smpp``: sending over SMPP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, cast

from sms_traffic_async import message_rules as rules
from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError, InvalidMessage, SendError
from sms_traffic_async.lifecycle import Life, State
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.policy.guards import OnlyTo
from sms_traffic_async.posting import Tray
from sms_traffic_async.protocols.http.failures import session_closed
from sms_traffic_async.protocols.smpp.outgoing import BINARY, Bodies, Outgoing
from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.stats import SmppStats
from sms_traffic_async.protocols.smpp.transceiver import Transceiver
from sms_traffic_async.settings import OnUnknown, Settings
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Smpp",)

_OPERATION = "smpp.send"
_OPEN = State.OPEN  # in CPython 3.11 a member of an enum is not a plain attribute, and takes 0.1 µs
_CHOICES = ("raise", "resend")
_NEVER = float("inf")
_numbers = itertools.count(1)


class Smpp:
    """Sending over SMPP for one session, or for one view of it.

    Args:
        settings: of the session, or of the view.
        transceiver: the session's connections.
        clock: the session's.
        telemetry: the session's.
        life: the session's.
        shared: another view, whose part references are continued.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        transceiver: Transceiver,
        clock: Clock,
        telemetry: Telemetry,
        life: Life,
        shared: Smpp | None = None,
    ) -> None:
        del clock, telemetry  # the transceiver has them; taken so that all clients are made alike
        self._settings = settings
        self._hub = transceiver
        self._life = life
        self._timeout = settings.timeouts.deadline
        self._resend = settings.on_unknown == "resend"
        options = transceiver.options
        self._outgoing: Outgoing = Outgoing(
            originator=settings.originator,
            max_parts=settings.max_parts,
            reference_bytes=options.reference_bytes,
            registered_delivery=options.registered_delivery,
            shared=None if shared is None else shared._outgoing,  # noqa: SLF001 - its own class
        )
        self._only_to = OnlyTo.from_env()
        self._prefix = transceiver.key_prefix

    async def submit(
        self,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call; no scope is opened
        on_unknown: OnUnknown | None = None,
        bulk: bool = False,
        data_coding: int | None = None,
    ) -> Submission:
        """Send one message; what ``sms.send(via="smpp")`` does.

        Args:
            message: what to send.
            timeout: seconds for the whole call, waiting for a connection and for room included.
            on_unknown: instead of the session's: ``resend`` repeats the parts that may not have been taken, to the
                same server, at most twice and within two minutes.
            bulk: let those that are not bulk go first.
            data_coding: instead of 0 or 8: 3 (Latin-1), or one with a message class (0x10-0x13, 0xF0-0xF3, 0x18-0x1B).

        Returns:
            What the platform took, with an id for each part, in order.

        Raises:
            InvalidMessage: SMPP cannot carry it; nothing was sent.
            NotSent: provably nothing left: no server could be bound to, no turn until the deadline, or closed.
            Rejected: the platform refused it; see its kinds.
            OutcomeUnknown: it was written and not answered; or some parts were taken and others refused.

        Cancellation:
            Before its first part is written: nothing was sent. After that all of it is sent, its outcome is recorded,
            and its place in the window comes back with the answer or at its deadline.
        """
        made, hub, loop = self._outgoing.bodies(message, data_coding), self._hub, asyncio.get_running_loop()
        answered: asyncio.Future[Submission] = asyncio.Future(loop=loop)  # loop.create_future(), one call cheaper
        now = loop.time()
        if (
            timeout is None and on_unknown is None and type(made) is tuple and message.expires_in is None
            and hub.loop is loop and hub.trouble is None and self._life.state is _OPEN and not self._only_to.active
        ):  # fmt: skip # as `_parcel` would: a call for each message costs
            parcel: Parcel | Exception = Parcel(
                answered, (number := next(_numbers)), f"{self._prefix}{number}", message.to, made[0], made[1], made[2],
                hub.interrupter, now, now + self._timeout, _NEVER, self._resend,
            )  # fmt: skip
        else:
            parcel = self._parcel(loop, now, answered, made, message.to, message.expires_in, timeout, on_unknown)
        del message, made  # a traceback printed with locals shows this frame
        if type(parcel) is not Parcel:
            raise cast("Exception", parcel)
        if bulk:
            parcel.lane, parcel.task = 1, asyncio.current_task()  # for `Life.interrupt`
        if hub.admission.waiting or hub.queue.parts >= hub.queue.limit:
            await hub.room(parcel)
        hub.put(parcel)
        try:
            return await answered
        except (SendError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError):
                hub.abandon(parcel, hub.time())
            # They hold the error, whose traceback holds this frame: a cycle for every message that fails.
            del parcel, answered
            raise

    def post(self, messages: Sequence[Message], first: int, tray: Tray, task: asyncio.Task[Any]) -> int:
        """``submit(message, bulk=True)`` for many, without anybody who awaits each; see `posting.Poster`."""
        hub, loop = self._hub, asyncio.get_running_loop()
        now, queue, bodies = loop.time(), hub.queue, self._outgoing.bodies
        deadline, prefix, resend, interrupter = now + self._timeout, self._prefix, self._resend, hub.interrupter
        is_ready = self._is_ready(loop)
        free = 0 if hub.admission.waiting else queue.limit - queue.parts
        parcels: list[Parcel] = []
        count = 0
        for message in messages:
            if free <= 0:
                break
            parcel: Parcel | Exception
            try:
                made, wait = bodies(message), message.expires_in
                if is_ready and type(made) is tuple:  # as `_parcel` would
                    parts, encoding, reference = made
                    number = next(_numbers)
                    parcel = Parcel(
                        tray, number, f"{prefix}{number}", message.to, parts, encoding, reference, interrupter,
                        now, deadline, _NEVER if wait is None else now + wait, resend,
                    )  # fmt: skip
                else:
                    parcel = self._parcel(loop, now, tray, made, message.to, wait, None, None)
            except Exception as error:  # noqa: BLE001 - raised below, or by the next call
                parcel = error
            if type(parcel) is Parcel:
                parcel.lane = 1
                parcel.task = task
                parcel.message = message
                parcel.index = first + count
                parcels.append(parcel)
                free -= parcel.count
            elif isinstance(parcel, SendError | InvalidMessage):
                tray.refuse(message, first + count, parcel)
            elif count:
                break  # what was taken before is under way, and has to be told so first
            else:
                raise cast("Exception", parcel)
            count += 1
        if parcels:
            hub.put_all(parcels)
        return count

    async def post_in_turn(self, message: Message, index: int, tray: Tray, task: asyncio.Task[Any]) -> None:
        """See `posting.Poster`."""
        loop = asyncio.get_running_loop()
        made = self._outgoing.bodies(message)
        parcel = self._parcel(loop, loop.time(), tray, made, message.to, message.expires_in, None, None)
        if not isinstance(parcel, Parcel):
            tray.refuse(message, index, cast("SendError | InvalidMessage", parcel))
            return
        parcel.lane = 1
        parcel.task = task
        parcel.message = message
        parcel.index = index
        try:
            await self._hub.room(parcel)
        except SendError as error:
            tray.refuse(message, index, error.with_traceback(None))
        else:
            self._hub.put(parcel)

    async def submit_binary(
        self,
        to: str | int,
        data: bytes,
        *,
        data_coding: int = BINARY,
        udh: bytes = b"",
        originator: str | None = None,
        validity: int | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in submit
        on_unknown: OnUnknown | None = None,
    ) -> Submission:
        """Send octets as they are.

        Args:
            to: the number.
            data: the octets. More than 140 go as parts, at most the session's ``max_parts``.
            data_coding: how the phone is to read them; 4 is "octets".
            udh: a header of your own, its length octet included: one SMS, at most 140 octets with the data.
            originator: the sender; ``None`` takes the session's.
            validity: seconds the platform tries to deliver.
            timeout: as in ``submit``.
            on_unknown: as in ``submit``.

        Returns, Raises, Cancellation: as ``submit``.
        """
        number, problem = rules.read_phone(to, self._settings.phone_region)
        made: Bodies | InvalidMessage = problem or self._outgoing.binary(
            number, data, data_coding=data_coding, udh=udh, originator=originator, validity=validity
        )
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Submission] = asyncio.Future(loop=loop)  # loop.create_future(), one call cheaper
        parcel = self._parcel(loop, loop.time(), answered, made, number, None, timeout, on_unknown)
        del to, data, udh, number, made
        if not isinstance(parcel, Parcel):
            raise parcel
        hub = self._hub
        if hub.admission.waiting or not hub.queue.has_room:
            await hub.room(parcel)
        hub.put(parcel)
        try:
            return await answered
        except SendError:
            # They hold the error, whose traceback holds this frame: a cycle for every message that fails.
            del parcel, answered
            raise
        except asyncio.CancelledError:
            hub.abandon(parcel, hub.time())
            raise

    def stats(self) -> SmppStats:
        """Queue, connections, round trips, outcomes."""
        return self._hub.stats()

    def _parcel(
        self,
        loop: asyncio.AbstractEventLoop,
        now: float,
        waiter: asyncio.Future[Submission] | Tray,
        made: Bodies | InvalidMessage,
        to: str,
        expires_in: float | None,
        timeout: float | None,
        on_unknown: OnUnknown | None,
    ) -> Parcel | SendError | InvalidMessage | ConfigurationError:
        """A message that may go, or why it may not. Hot: runs for every message."""
        hub = self._hub
        if isinstance(made, InvalidMessage):
            return made
        # `_is_ready`, inline
        if hub.loop is not loop or hub.trouble is not None or self._life.state is not _OPEN or self._only_to.active:
            problem = self._problem(to)
            if problem is not None:
                return problem
        bodies, encoding, reference = made
        if timeout is None:
            deadline = now + self._timeout
        elif timeout > 0:
            deadline = now + timeout
        else:
            return ConfigurationError(f"timeout is a number of seconds greater than 0, not {timeout!r}")
        if on_unknown is not None and on_unknown not in _CHOICES:
            return ConfigurationError("on_unknown is 'raise' or 'resend'")
        number = next(_numbers)
        return Parcel(
            waiter,
            number,
            f"{self._prefix}{number}",
            to,
            bodies,
            encoding,
            reference,
            hub.interrupter,
            now,
            deadline,
            _NEVER if expires_in is None else now + expires_in,
            self._resend if on_unknown is None else on_unknown == "resend",
        )

    def _is_ready(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether nothing stands in the way of any message."""
        hub = self._hub
        return hub.loop is loop and hub.trouble is None and self._life.state is _OPEN and not self._only_to.active

    def _problem(self, to: str) -> SendError | InvalidMessage | None:
        """What stands in the way, and the beginning of everything."""
        refused = self._only_to.refusal((to,))
        if refused is not None:
            return refused
        hub = self._hub
        self._life.bind()
        if self._life.state is not _OPEN:
            return session_closed(_OPERATION, f"{self._prefix}{next(_numbers)}")
        if hub.trouble is not None:
            return hub.trouble(f"{self._prefix}{next(_numbers)}")
        hub.start()
        return None
