"""What a session does with octets from the peer. `protocol.Session` is built on it.

Everything in here runs for every PDU of a link at full speed, or is called only
when something is out of the ordinary; the two are kept apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sms_traffic_async.protocols.smpp.events import (
    BindRefused,
    Bound,
    EndReason,
    Notified,
    Refused,
    Unexpected,
    answered,
    requested,
)
from sms_traffic_async.protocols.smpp.fields import OCTETS
from sms_traffic_async.protocols.smpp.heartbeat import Ask
from sms_traffic_async.protocols.smpp.life import Life
from sms_traffic_async.protocols.smpp.outstanding import Waiting
from sms_traffic_async.protocols.smpp.pdu import (
    HEADER,
    HEADER_BYTES,
    REQUESTS,
    RESPONSES,
    Bind,
    BindResp,
    DeliverSm,
    EnquireLinkResp,
    GenericNack,
    PduError,
    Request,
    Response,
    refusal,
)
from sms_traffic_async.protocols.smpp.states import BOUND, NEVER_ANSWERED, State, Trigger
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Command, CommandStatus, Role

__all__ = ("Intake",)

_RESPONSE_BIT: Final = 0x8000_0000
_SUBMIT: Final = int(Command.SUBMIT_SM)
_SUBMIT_RESP: Final = int(Command.SUBMIT_SM_RESP)
_DELIVER: Final = int(Command.DELIVER_SM)
_DELIVER_KEY: Final = _DELIVER << 32
_NACK: Final = int(Command.GENERIC_NACK)
_BINDS: Final = frozenset(int(mode.command) for mode in BindMode)
_OK: Final = CommandStatus.ESME_ROK
# In CPython 3.11 a member of an enum is not a plain attribute: 0.1 µs.
_CLOSED: Final = State.CLOSED
_unpack: Final = HEADER.unpack_from
# What the first octets behind a wrong port look like.
_STRANGERS: Final = ((b"\x15\x03", "TLS"), (b"\x16\x03", "TLS"), (b"HTTP", "HTTP"), (b"GET ", "HTTP"), (b"SSH-", "SSH"))


_NOBODY: Final = object()
_Answer: TypeAlias = tuple[int, int, int, int, bytes, int]


@lru_cache(maxsize=64)
def _answer_of(length: int) -> struct.Struct:
    """A submit_sm_resp of a length: its header, what its id should fill, and the last octet."""
    return struct.Struct(f">IIII{length - HEADER_BYTES - 1}sB")


class Intake(Life):
    """Framing, matching, refusing. Not for use by itself."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take octets from the peer, cut anywhere. Never raises."""
        if self._state is _CLOSED:
            return
        self._heard_at = now
        self.stats.octets_in += len(data)
        if self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data = bytes(self._partial)
            self._partial.clear()
            self._partial_until = float("inf")
        self._take(data, now)
        if self._outstanding.in_flight < self.window:
            self._full_since = None

    def _take(self, data: bytes, now: float) -> None:  # noqa: C901 - every PDU comes here; calls cost more
        at, size, most = 0, len(data), self.options.max_pdu_bytes
        stats, unanswered, accepted = self.stats, self.options.max_unanswered, self.accepted
        while size - at >= HEADER_BYTES:
            length, command, status, sequence = _unpack(data, at)
            if not HEADER_BYTES <= length <= most:
                self._lose_framing(data[at:], sequence)
                return
            if length > size - at:
                break
            count = 0
            if command == _SUBMIT_RESP and not status and accepted is not None and length > HEADER_BYTES:
                count = self._take_accepted(data, at, length, accepted, now)
            if count:
                at += count * length
            else:
                body = at + HEADER_BYTES
                at += length
                stats.pdus_in += 1
                if command == _DELIVER and _DELIVER in self._may_receive and self._owed_count < unanswered:
                    self._take_deliver(sequence, data, body, at)
                elif command & _RESPONSE_BIT:
                    self._take_response(command, status, sequence, data, body, at, now)
                else:
                    self._take_request(command, sequence, data, body, at, now)
            if self._heartbeat is None:  # not bound, or not any more
                self._leave_if_done()
                if self._state is _CLOSED:
                    return
        if at < size:
            self._partial += data[at:]
            self._needed = _unpack(data, at)[0] if size - at >= HEADER_BYTES else HEADER_BYTES
            self._partial_until = now + self.options.partial_timeout

    def _take_accepted(self, data: bytes, at: int, length: int, accepted: list[tuple[Any, str]], now: float) -> int:
        """Take submit_sm_resp that accept, follow each other and are equally long: all of a busy link are.

        Returns:
            How many there were. It stops before the first that is another PDU, or that nothing waits for.
        """
        submits, first, before = self._submits, 0, len(accepted)
        whole = (len(data) - at) // length * length
        rows: Iterator[_Answer] = _answer_of(length).iter_unpack(memoryview(data)[at : at + whole])
        for size, command, status, sequence, octets, last in rows:
            if command != _SUBMIT_RESP or status or size != length:
                break
            token = submits.pop(sequence, _NOBODY)
            if token is _NOBODY:
                break
            first = first or sequence
            message_id = octets
            if last or 0 in octets:  # as SubmitSmResp.read does: up to the first NUL
                message_id = (octets + OCTETS[last]).partition(b"\0")[0]
            accepted.append((token, message_id.decode("latin-1")))
        count = len(accepted) - before
        self._outstanding.in_flight -= count
        stats = self.stats
        stats.pdus_in += count
        stats.answered += count
        if first and not before:
            stats.took(now - self._outstanding.sent_at(first))  # of those of one read the first waited longest
        return count

    def _take_deliver(self, sequence: int, data: bytes, at: int, end: int) -> None:
        try:
            request = DeliverSm.read(data, at, end, _DELIVER)
        except PduError as error:
            self._refuse(_DELIVER, sequence, error.command_status, str(error))
            return
        self.stats.requested += 1
        key, owed = _DELIVER_KEY | sequence, self._owed
        owed[key] = owed[key] + 1 if key in owed else 1
        self._owed_count += 1
        self._events.append(requested(sequence, request))

    def _answered(self, request: Waiting, sequence: int, response: Response, now: float) -> None:
        elapsed = now - request[2]
        stats = self.stats
        stats.answered += 1
        stats.took(elapsed)
        status = response.command_status
        if status is not _OK:
            stats.by_status[status] = stats.by_status.get(status, 0) + 1
        self._events.append(answered(request[1], sequence, response, elapsed, False))

    def _take_response(
        self, command: int, status: int, sequence: int, data: bytes, at: int, end: int, now: float
    ) -> None:
        found = self._outstanding.take(sequence, None if command == _NACK else command & ~_RESPONSE_BIT)
        kind = RESPONSES.get(command)
        if found is None or kind is None:
            self._unmatched(command, status, sequence, now)
            return
        request, late = found
        response = kind.read(data, at, end, command, status)
        if request.counted and late:
            self.stats.late += 1
            self._events.append(answered(request.token, sequence, response, now - request.sent_at, True))
        elif request.counted:
            self._answered(request, sequence, response, now)
        elif request.command == Command.ENQUIRE_LINK:
            self._heard_back(request.token, now)
        elif request.command == Command.UNBIND:
            self._end(EndReason.UNBOUND)
        else:
            self._bind_answered(request.command, response, now)

    def _unmatched(self, command: int, status: int, sequence: int, now: float) -> None:
        if command == Command.ENQUIRE_LINK_RESP:
            # Late, or under a number of the peer's own: a sign of life all the same.
            self._heard_back(None, now)
            return
        self.stats.unexpected += 1
        self._events.append(Unexpected(command=command, sequence=sequence, command_status=CommandStatus(status)))

    def _heard_back(self, ask: Ask | None, now: float) -> None:
        if self._heartbeat is not None:
            self._heartbeat.answered(now, ask)

    def _bind_answered(self, command: int, response: Response, now: float) -> None:
        if self._state is not State.BINDING:
            return  # the peer unbound in between
        mode = BindMode.of(command)
        if isinstance(response, BindResp) and response.command_status == _OK:
            self._bound(mode, now)
            version = response.tlvs.sc_interface_version
            self._events.append(Bound(mode=mode, system_id=response.system_id, interface_version=version))
        else:
            self._not_bound(now)
            self._events.append(BindRefused(mode=mode, command_status=response.command_status))

    def _take_request(self, command: int, sequence: int, data: bytes, at: int, end: int, now: float) -> None:
        if command not in self._may_receive:
            self._refuse(command, sequence, *self._out_of_place(command))
            return
        if command == Command.ENQUIRE_LINK:
            self.stats.enquired_by_peer += 1
            if self._heartbeat is not None:
                self._heartbeat.peer_asked(now)
            self._send(EnquireLinkResp(), sequence)
            return
        if command == Command.UNBIND:
            self._peer_unbinds(sequence, now)
            return
        if self._owed_count >= self.options.max_unanswered:
            self._refuse(command, sequence, CommandStatus.ESME_RMSGQFUL, "too many wait for an answer")
            return
        try:
            request = REQUESTS[command].read(data, at, end, command)
        except PduError as error:
            self._refuse(command, sequence, error.command_status, str(error))
            return
        self._hand_on(command, sequence, request, now)

    def _hand_on(self, command: int, sequence: int, request: Request, now: float) -> None:
        if command in NEVER_ANSWERED:
            self._events.append(Notified(request=request))
            return
        if isinstance(request, Bind):
            self._mode = request.mode
            self._move(Trigger.BIND)
            self._state_until = now + self.options.bind_timeout
        self.stats.requested += 1
        # A peer may use a number twice before we answer; each is owed an answer.
        key = command << 32 | sequence
        self._owed[key] = self._owed.get(key, 0) + 1
        self._owed_count += 1
        self._events.append(requested(sequence, request))

    def _out_of_place(self, command: int) -> tuple[CommandStatus, str]:
        if command not in REQUESTS:
            return CommandStatus.ESME_RINVCMDID, "unknown command"
        if command in _BINDS and self.role is Role.SMSC and (self._state in BOUND or self._state is State.BINDING):
            return CommandStatus.ESME_RALYBND, "bound already"
        return CommandStatus.ESME_RINVBNDSTS, f"out of place while {self._state.value}"

    def _refuse(self, command: int, sequence: int, status: CommandStatus, why: str) -> None:
        self.stats.refused += 1
        self._send(refusal(command, status), sequence)
        self._events.append(Refused(command=command, sequence=sequence, command_status=status, why=why))

    def _lose_framing(self, data: bytes, sequence: int) -> None:
        self._send(GenericNack(command_status=CommandStatus.ESME_RINVCMDLEN), sequence)
        strangers = [name for start, name in _STRANGERS if data.startswith(start)]
        self._end(EndReason.BROKEN_FRAMING, f"the peer speaks {strangers[0]}" if strangers else "")
