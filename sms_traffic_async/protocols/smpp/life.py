"""The slow half of a session: its states, its timers and its end. `protocol.Session` is built on it."""

from __future__ import annotations

from typing import Any, Final

from sms_traffic_async.protocols.smpp.counters import SessionStats
from sms_traffic_async.protocols.smpp.events import Ended, EndReason, Event, Expired, Notified
from sms_traffic_async.protocols.smpp.heartbeat import Ask, Heartbeat
from sms_traffic_async.protocols.smpp.options import SessionOptions
from sms_traffic_async.protocols.smpp.outstanding import Outstanding, Waiting
from sms_traffic_async.protocols.smpp.pdu import HEADER, EnquireLink, Pdu, Unbind, UnbindResp, encode
from sms_traffic_async.protocols.smpp.states import ACCEPTED, BOUND, TRANSITIONS, State, Trigger, receivable, sendable
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Command, Role

__all__ = ("Life",)

_NEVER: Final = float("inf")
_RESPONSE_BIT: Final = 0x8000_0000


class Life:
    """States, timers, end. Not for use by itself."""

    def __init__(
        self, role: Role, now: float, *, options: SessionOptions | None = None, first_sequence: int = 1
    ) -> None:
        """A session on a connection that has just been made.

        Args:
            role: which end this is.
            now: the time; all times given later are of the same clock.
            options: the numbers; ``None`` takes the defaults.
            first_sequence: the first sequence number, for tests of their wrap-around.
        """
        self.role = role
        self.options: SessionOptions = options or SessionOptions()
        self.window: int = self.options.window
        self._response_timeout = self.options.response_timeout
        self.stats: SessionStats = SessionStats()
        self.accepted: list[tuple[Any, str]] | None = None
        """Set to a list, it takes the token and the id of every submit_sm that was accepted in time: a third cheaper
        than `Answered`, which is not told then. The driver empties it."""
        self._state = State.OPEN
        self._mode: BindMode | None = None
        self._may_send = sendable(role, State.OPEN)
        self._may_receive = receivable(role, State.OPEN, None)
        self._outstanding = Outstanding(self.options.late_timeout, first_sequence)
        self._submits = self._outstanding.submits
        self._heartbeat: Heartbeat | None = None
        self._owed: dict[int, int] = {}
        self._owed_count: int = 0
        self._leave_sequence = 0
        self._out: list[bytes] = []
        self._events: list[Event] = []
        self._unsent: list[Any] = []
        self._heard_at = now
        self._full_since: float | None = None
        self._partial = bytearray()
        self._needed = 0
        self._partial_until = _NEVER
        self._state_until = _NEVER if role is Role.ESME else now + self.options.bind_timeout
        self._overdue = EndReason.NEVER_BOUND

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def mode(self) -> BindMode | None:
        """What it is bound for, or is being bound for."""
        return self._mode

    @property
    def is_bound(self) -> bool:
        """Whether it may be used for messages."""
        return self._state in BOUND

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self._state is State.CLOSED

    @property
    def in_flight(self) -> int:
        """Requests of ours without answer that take a place of the window."""
        return self._outstanding.in_flight

    @property
    def room(self) -> int:
        """Places left in the window; 0 while no request of the kind may be sent."""
        return max(0, self.window - self._outstanding.in_flight) if self._state in BOUND else 0

    @property
    def owed(self) -> int:
        """Requests of the peer's that wait for our answer."""
        return self._owed_count

    @property
    def oldest_request_at(self) -> float | None:
        """When the oldest request was made that an answer, in time or late, would still be matched to."""
        return self._outstanding.oldest_at

    def events(self) -> list[Event]:
        """What has happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def data_to_send(self) -> bytes:
        """The octets to be written now; what is in them counts as sent."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        self.stats.octets_out += len(data)
        return data

    def next_deadline(self) -> float | None:
        """When `on_time` is to be called, if nothing else happens before; ``None`` for not at all."""
        if self._state is State.CLOSED:
            return None
        first = min(self._state_until, self._partial_until)
        if self._heartbeat is not None:
            first = min(first, self._heartbeat.next_deadline(self._silent_since()))
        answers = self._outstanding.next_deadline()
        if answers is not None and answers < first:
            return answers
        return None if first == _NEVER else first

    def on_time(self, now: float) -> None:
        """Do what is due. May be called at any time."""
        if self._state is State.CLOSED:
            return
        if self._state_until <= now:
            if self._state is State.LEAVING:
                self._leave()
            else:
                self._end(self._overdue)
            return
        if self._partial_until <= now:
            self._end(EndReason.STALLED_PDU)
            return
        asked = self._expire(now)
        if self._heartbeat is None:
            self._leave_if_done()
        else:
            self._beat(self._heartbeat, asked, now)

    def receive_eof(self, now: float) -> None:
        """The connection is gone, whichever way."""
        del now
        detail = "in the middle of a PDU" if self._partial else ""
        reasons = {State.UNBINDING: EndReason.UNBOUND, State.LEAVING: EndReason.UNBOUND_BY_PEER}
        self._end(reasons.get(self._state, EndReason.LOST), detail)

    def abort(self) -> None:
        """Give up at once: no unbind, every request of ours is listed in `Ended`."""
        self._end(EndReason.ABORTED)

    def _move(self, trigger: Trigger) -> None:
        self._state = TRANSITIONS[self._state, trigger]
        self._may_send = sendable(self.role, self._state)
        self._may_receive = receivable(self.role, self._state, self._mode)

    def _bound(self, mode: BindMode, now: float) -> None:
        self._mode = mode
        self._move(ACCEPTED[mode])
        self._state_until = _NEVER
        self._heartbeat = Heartbeat(self.options.keep_alive_of(self.role, mode), now)

    def _not_bound(self, now: float) -> None:
        self._mode = None
        self._move(Trigger.BIND_REFUSED)
        if self.role is Role.SMSC:
            self._state_until, self._overdue = now + self.options.bind_timeout, EndReason.NEVER_BOUND
        else:
            self._state_until = _NEVER

    def _send(self, pdu: Pdu, sequence: int) -> None:
        self._out.append(encode(pdu, sequence))

    def _silent_since(self) -> float | None:
        return None if self._full_since is None else max(self._full_since, self._heard_at)

    def _enquire(self, ask: Ask, now: float) -> int:
        sequence = self._outstanding.next_sequence()
        self._send(EnquireLink(), sequence)
        token = ask._replace(octets=self.stats.octets_in)
        self._outstanding.add(sequence, Waiting(Command.ENQUIRE_LINK, token, now, counted=False), now + ask.limit)
        self.stats.enquired += 1
        return sequence

    def _expire(self, now: float) -> list[Ask]:
        asked: list[Ask] = []
        overdue: list[tuple[int, Waiting]] = []
        for sequence, request in self._outstanding.expire(now):
            if request.counted:
                overdue.append((sequence, request))
            else:
                asked.append(request.token)
        if not overdue:
            return asked
        # A driver that holds writing back may have left them here. Told to be unsent, they must not leave later.
        unsent = self._withdraw({sequence for sequence, _ in overdue})
        self.stats.expired += len(overdue)
        for sequence, request in overdue:
            told = Expired(token=request.token, sequence=sequence, command=request.command, unsent=sequence in unsent)
            self._events.append(told)
        self._full_since = None
        ask = None if self._heartbeat is None else self._heartbeat.doubt()
        if ask is not None:
            self._enquire(ask, now)
        return asked

    def _beat(self, heartbeat: Heartbeat, asked: list[Ask], now: float) -> None:
        for ask in asked:
            follow = heartbeat.missed(ask, self.stats.octets_in)
            if heartbeat.is_dead:
                self._end(EndReason.DEAD_PEER)
                return
            if follow is not None:
                self._enquire(follow, now)
        if heartbeat.is_cut(now):
            self._end(EndReason.SILENT_PEER)
            return
        while (due := heartbeat.due(now, self._silent_since())) is not None:
            self._enquire(due, now)

    def _peer_unbinds(self, sequence: int, now: float) -> None:
        if self._state in {State.UNBINDING, State.LEAVING}:
            self._send(UnbindResp(), sequence)
            return
        self._withdraw()
        self._leave_sequence = sequence
        self._heartbeat = None
        self._full_since = None
        self._state_until = now + self.options.leave_timeout
        self._move(Trigger.UNBIND_RECEIVED)
        self._events.append(Notified(request=Unbind()))

    def _leave_if_done(self) -> None:
        if self._state is State.LEAVING and not self._owed_count and not self._outstanding.in_flight:
            self._leave()

    def _leave(self) -> None:
        self._send(UnbindResp(), self._leave_sequence)
        self._end(EndReason.UNBOUND_BY_PEER)

    def _withdraw(self, sequences: set[int] | None = None) -> set[int]:
        """Take back requests that have not left: these, or all. Returns their sequence numbers."""
        kept: list[bytes] = []
        taken: set[int] = set()
        for chunk in self._out:  # every chunk is one PDU
            _, command, _, sequence = HEADER.unpack_from(chunk)
            if command & _RESPONSE_BIT or (sequences is not None and sequence not in sequences):
                kept.append(chunk)
                continue
            taken.add(sequence)
            found = self._outstanding.take(sequence, command)
            # What is late already is told as `Expired`.
            if found is not None and found[0].counted and not found[1]:
                self._unsent.append(found[0].token)
        self._out = kept
        return taken

    def _end(self, reason: EndReason, detail: str = "") -> None:
        if self._state is State.CLOSED:
            return
        self._withdraw()
        left = [(sequence, request.token) for sequence, request in self._outstanding.drain() if request.counted]
        self._move(Trigger.END)
        self._heartbeat = None
        self._full_since = None
        self._partial.clear()
        self._partial_until = self._state_until = _NEVER
        self._owed.clear()
        self._owed_count = 0
        self._events.append(
            Ended(
                reason=reason,
                detail=detail,
                unsent=tuple(self._unsent),
                unanswered=tuple(token for _, token in left),
                sequences=tuple(sequence for sequence, _ in left),
            )
        )
