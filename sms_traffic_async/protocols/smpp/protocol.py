"""The session machine of SMPP 3.4: both roles, no I/O, no clock.

Feed it octets and time, take events and octets from it::

    session = Session(Role.ESME, now)
    session.bind(Bind(...), now)
    transport.write(session.data_to_send())
    ...
    session.receive_data(data, now)         # also receive_eof(now), on_time(now)
    for event in session.events(): ...
    transport.write(session.data_to_send())
    loop.call_at(session.next_deadline(), ...)

After every call that may change something, take ``events()`` and
``data_to_send()``. No ``receive_...`` and no ``on_time`` raises, whatever the
peer sends; the others raise `LocalProtocolError` when they are out of place.

Its rules:

 1. States move only by `states.TRANSITIONS`; who may send what when stands in
    `states.MAY_SEND`.
 2. A request of ours is registered before its octets can leave, under
    (direction, command, sequence number), and ends exactly once: `Answered`,
    `Expired` (a late answer still makes an `Answered(late=True)`), or listed in
    `Ended`. One that never left ``data_to_send`` is told to be unsent, and will
    not leave.
 3. The window counts requests of ours without answer. A place comes back by
    response, generic_nack, deadline or end, never by a caller's impatience.
    Heartbeats, answers, bind and unbind need none.
 4. Sequence numbers go from 1 to 0x7FFFFFFF and again from 1, past any that
    still waits.
 5. Responses are matched before requests are looked at, nothing is awaited, and
    PDUs of one segment are taken one by one: a message that comes together with
    the bind response finds the session bound.
 6. A request of the peer's is answered once: enquire_link here and at once, an
    unbind when nothing is owed on either side or ``leave_timeout`` is over, the
    rest by the driver.
 7. What cannot be read or is out of place is refused with its own response and
    a status that says why; an unknown command gets a generic_nack; a response
    is never refused. The session lives on.
 8. Only a bad ``command_length`` ends it: nothing behind it can be found again.
    A PDU that begins and does not end within ``partial_timeout`` is the same.
 9. `heartbeat.Heartbeat` says when to ask whether the peer is alive.
10. Everything is bounded: a PDU by ``max_pdu_bytes``, requests of ours by the
    window, requests of the peer's by ``max_unanswered``.

The table of its states is printed by `states.transition_table`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.events import (
    Answered,
    BindRefused,
    Bound,
    Ended,
    EndReason,
    Event,
    Expired,
    Notified,
    Refused,
    Requested,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.intake import Intake
from sms_traffic_async.protocols.smpp.options import ESME_KEEP_ALIVE, SMSC_KEEP_ALIVE, KeepAlive, SessionOptions
from sms_traffic_async.protocols.smpp.outstanding import Waiting
from sms_traffic_async.protocols.smpp.pdu import (
    HEADER,
    HEADER_BYTES,
    Bind,
    GenericNack,
    Request,
    Response,
    Unbind,
    encode,
)
from sms_traffic_async.protocols.smpp.states import NEVER_ANSWERED, OUTSIDE_THE_WINDOW, State, Trigger
from sms_traffic_async.protocols.smpp.vocabulary import Command, CommandStatus, Role

__all__ = (
    "ESME_KEEP_ALIVE",
    "SMSC_KEEP_ALIVE",
    "Answered",
    "BindRefused",
    "Bound",
    "EndReason",
    "Ended",
    "Event",
    "Expired",
    "KeepAlive",
    "Notified",
    "Refused",
    "Requested",
    "Role",
    "Session",
    "SessionOptions",
    "State",
    "Unexpected",
)

_SUBMIT: Final = int(Command.SUBMIT_SM)
_DELIVER: Final = int(Command.DELIVER_SM)
_DELIVER_KEY: Final = _DELIVER << 32
_DELIVER_RESP: Final = int(Command.DELIVER_SM_RESP)
_OK: Final = CommandStatus.ESME_ROK
_pack: Final = HEADER.pack
_pack_deliver_resp: Final = struct.Struct(">IIIIx").pack


class Session(Intake):
    """One link, seen from one of its ends. The module's text is its contract."""

    def bind(self, request: Bind, now: float) -> int:
        """Ask to be bound. `Bound` or `BindRefused` will tell; after a refusal it may be called again.

        Raises:
            LocalProtocolError: bound or binding already, over, or not the client.
        """
        sequence = self._register(request, None, now, float("inf"))
        self._mode = request.mode
        self._move(Trigger.BIND)
        self._state_until, self._overdue = now + self.options.bind_timeout, EndReason.BIND_UNANSWERED
        return sequence

    def request(self, request: Request, now: float, token: Any = None) -> int:
        """Ask the peer for something; returns the sequence number.

        Args:
            request: what.
            now: the time.
            token: comes back with `Answered`, `Expired` or `Ended`.

        Raises:
            LocalProtocolError: out of place, the window is full, or a field does not fit.
        """
        if request.command in NEVER_ANSWERED:
            self._check(request.command)
            sequence = self._outstanding.next_sequence()
            self._send(request, sequence)
            return sequence
        if request.command in OUTSIDE_THE_WINDOW:
            raise LocalProtocolError(f"{request.command.name} has a method of its own")
        return self._register(request, token, now, now + self.options.response_timeout)

    def submit(self, body: bytes, now: float, token: Any = None) -> int:
        """``request`` for a submit_sm whose body is ready: the fast way.

        Args:
            body: from `SubmitTemplate.body` or `SubmitSm.body`.
            now: the time.
            token: comes back with `Answered`, `Expired` or `Ended`.

        Raises:
            LocalProtocolError: not bound for sending, or the window is full.
        """
        return self.submit_all([body], [token], now)[0]

    def submit_all(self, bodies: Sequence[bytes], tokens: Sequence[Any], now: float) -> Sequence[int]:
        """``submit`` for several; all of them, or none.

        Returns:
            Their sequence numbers.

        Raises:
            LocalProtocolError: not bound for sending, or the window has no room for so many.
        """
        outstanding, count = self._outstanding, len(bodies)
        if _SUBMIT not in self._may_send or outstanding.in_flight + count > self.window:
            self._check(_SUBMIT, count)
        sequences = outstanding.enter(tokens, now, now + self._response_timeout)
        self._out += [
            _pack(len(body) + HEADER_BYTES, _SUBMIT, 0, sequence) + body
            for body, sequence in zip(bodies, sequences, strict=True)
        ]
        self.stats.requests += count
        if outstanding.in_flight >= self.window:
            self._full_since = now
        return sequences

    def acknowledge(self, sequence: int, command_status: int = 0) -> bool:
        """``answer`` for a deliver_sm: the fast way.

        Args:
            sequence: of its `Requested`.
            command_status: 0 takes the message; ESME_RX_T_APPN or ESME_RMSGQFUL
                leave it with the platform.

        Returns:
            False if the session is over: the peer will send it again.

        Raises:
            LocalProtocolError: no such deliver_sm waits for an answer.
        """
        key = _DELIVER_KEY | sequence
        if self._owed.get(key) == 1:
            del self._owed[key]
            self._owed_count -= 1
        elif not self._settle(_DELIVER, sequence):  # owed twice, or not at all, or the session is over
            return False
        self._out.append(_pack_deliver_resp(HEADER_BYTES + 1, _DELIVER_RESP, command_status, sequence))
        if self._heartbeat is None:  # else it is bound
            self._leave_if_done()
        return True

    def answer(self, event: Requested, response: Response, now: float) -> bool:
        """Answer a request of the peer's; to a bind this binds, or does not.

        Returns:
            False if the session is over.

        Raises:
            LocalProtocolError: it was answered before, or a field does not fit.
        """
        command = event.request.command
        frame = encode(response, event.sequence)
        if not isinstance(response, GenericNack) and response.command != command.response:
            raise LocalProtocolError(f"{response.command.name} does not answer {command.name}")
        if not self._settle(command, event.sequence):
            return False
        self._out.append(frame)
        if isinstance(event.request, Bind) and self._state is State.BINDING:
            if response.command_status == _OK:
                self._bound(event.request.mode, now)
            else:
                self._not_bound(now)
        self._leave_if_done()
        return True

    def unbind(self, now: float) -> int:
        """Leave. Reads on until the answer; `Ended` tells.

        Raises:
            LocalProtocolError: not bound.
        """
        sequence = self._register(Unbind(), None, now, float("inf"))
        self._move(Trigger.UNBIND_SENT)
        self._heartbeat = None
        self._state_until, self._overdue = now + self.options.unbind_timeout, EndReason.UNBIND_UNANSWERED
        return sequence

    def probe(self, now: float) -> None:
        """Send an enquire_link out of turn, unless one such is under way.

        Raises:
            LocalProtocolError: not bound.
        """
        self._check(Command.ENQUIRE_LINK)
        ask = None if self._heartbeat is None else self._heartbeat.doubt()
        if ask is not None:
            self._enquire(ask, now)

    def _settle(self, command: int, sequence: int) -> bool:
        if self._state is State.CLOSED:
            return False
        key = command << 32 | sequence
        count = self._owed.pop(key, 0)
        if not count:
            raise LocalProtocolError(f"no {Command(command).name} with this sequence number waits for an answer")
        if count > 1:
            self._owed[key] = count - 1
        self._owed_count -= 1
        return True

    def _register(self, request: Request, token: Any, now: float, deadline: float) -> int:
        command = int(request.command)
        self._check(command)
        sequence = self._outstanding.next_sequence()
        frame = encode(request, sequence)
        counted = command not in OUTSIDE_THE_WINDOW
        self._outstanding.add(sequence, Waiting(command, token, now, counted), deadline)
        self._out.append(frame)
        if counted:
            self.stats.requests += 1
            if self._outstanding.in_flight >= self.window:
                self._full_since = now
        return sequence

    def _check(self, command: int, places: int = 1) -> None:
        if command not in self._may_send:
            raise LocalProtocolError(f"{Command(command).name} may not be sent while {self._state.value}")
        if command not in OUTSIDE_THE_WINDOW and self._outstanding.in_flight + places > self.window:
            raise LocalProtocolError(f"the window of {self.window} is full")
