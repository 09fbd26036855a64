"""What a client asks for over SMPP, and how it is answered: bind, submit_sm, and what the platform does not support.

A request is processed where it stands, in the read that brought it: no task, no
await. Only a fault that takes time (`Latency`) puts it on the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from sms_traffic_async.protocols.smpp.pdu import Bind, BindResp, Response, SubmitSm, SubmitSmResp, Tlvs, encode, refusal
from sms_traffic_async.protocols.smpp.protocol import Requested
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Command, CommandStatus, Tag
from sms_traffic_async.sandbox.effects import (
    Coalesce,
    Drop,
    EarlyReceipt,
    Effect,
    GhostBind,
    NoAnswer,
    Unbind,
)
from sms_traffic_async.sandbox.faults import Injected
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.smpp_desk import Desk, Sender, Taken
from sms_traffic_async.sandbox.smpp_faults import Bare, answer_of, broken_octets, delay_of, effects_of
from sms_traffic_async.sandbox.smpp_receipts import Receipts, response_id
from sms_traffic_async.sandbox.smpp_slots import Slots, sign_in
from sms_traffic_async.sandbox.store import Exchange

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.smpp_link import Link

__all__ = ("Requests",)

SYSTEM_ID: Final = "SMSTraffic"
INTERFACE_VERSION: Final = b"\x34"
_OK: Final = CommandStatus.ESME_ROK


class _Work:
    """One request that suffers faults."""

    __slots__ = ("after", "before", "delay_after", "delay_before", "early", "event", "process", "taken")

    def __init__(self, event: Requested, injected: tuple[Injected, ...], process: Callable[[], Response]) -> None:
        self.event = event
        self.process = process
        self.before = effects_of(injected, "before")
        self.after = effects_of(injected, "after")
        self.delay_before = delay_of(injected, "before")
        self.delay_after = delay_of(injected, "after")
        self.early = any(isinstance(effect, EarlyReceipt) for effect in self.after)


class Requests:
    """Answers the requests of every link."""

    def __init__(self, platform: Platform, desk: Desk, slots: Slots, receipts: Receipts) -> None:
        self._platform = platform
        self._desk = desk
        self._slots = slots
        self._receipts = receipts

    def handle(self, link: Link, event: Requested) -> None:
        """Deal with one request; its answer is queued in the link's session, now or later."""
        request = event.request
        platform = self._platform
        process: Callable[[], Response]
        request_id = platform.store.new_request_id()
        if isinstance(request, SubmitSm):
            injected = platform.faults.draw("smpp", link.node, "submit", request_id)
            if not injected:
                link.answer(event, self._submit(link, event, request, request_id, early=False))
                return
            early = any(isinstance(effect, EarlyReceipt) for effect, _ in injected)
            process = partial(self._submit, link, event, request, request_id, early=early)
        elif isinstance(request, Bind):
            injected = platform.faults.draw("smpp", link.node, "bind", request_id)
            process = partial(self._bind, link, request, request_id)
        else:
            self._note(link, request_id, request.command.name.lower(), "is not supported", refused=True)
            link.answer(event, refusal(request.command, CommandStatus.ESME_RINVCMDID))
            return
        self._suffer(link, event, injected, process)

    def _note(self, link: Link, request_id: str, field: str, problem: str, *, refused: bool = False) -> None:
        self._platform.findings.add(
            field,
            problem,
            protocol="smpp",
            operation="bind" if link.sender is None else "submit",
            node=link.node,
            request_id=request_id,
            refused=refused,
        )

    def _submit(self, link: Link, event: Requested, pdu: SubmitSm, request_id: str, *, early: bool) -> Response:
        sender = link.sender
        verdict: Taken | CommandStatus
        if sender is None:
            verdict = CommandStatus.ESME_RINVBNDSTS  # a fault said yes to the bind of somebody who may not
        elif self._desk.is_throttled(sender, link):
            verdict = CommandStatus.ESME_RTHROTTLED
        else:
            verdict = self._desk.submit(pdu, sender, request_id)
        response: Response
        if isinstance(verdict, CommandStatus):
            response = Bare(Command.SUBMIT_SM_RESP, verdict)
        else:
            message_id = verdict.message_id
            self._receipts.expect(verdict.message, message_id, pdu, verdict.text)
            if early:
                self._receipts.early(verdict.message, message_id, verdict.course, verdict.outcome_code)
            response = SubmitSmResp(message_id=response_id(message_id, self._platform.switches.smpp_ids))
        self._platform.store.record(
            Exchange(
                request_id=request_id,
                protocol="smpp",
                operation="submit",
                node=link.node,
                at=self._platform.clock.now(),
                first_line="submit_sm",
                headers=(),
                body=encode(pdu, event.sequence),
                status=int(response.command_status),
                answer=encode(response, event.sequence),
            )
        )
        return response

    def _bind(self, link: Link, bind: Bind, request_id: str) -> Response:
        note = partial(self._note, link, request_id)
        principal = sign_in(self._platform, bind, link.ip, note)
        if isinstance(principal, CommandStatus):
            return Bare(bind.command.response, principal)
        if bind.mode is not BindMode.TRANSMITTER:
            status = self._slots.take(link.node, bind.system_id, link)
            if status is not _OK:
                return Bare(bind.command.response, status)
        link.sender = Sender(principal, bind.system_id, link.node, link.ip)
        tlvs = Tlvs.build(((Tag.SC_INTERFACE_VERSION, INTERFACE_VERSION),))
        return BindResp(mode=bind.mode, system_id=SYSTEM_ID, tlvs=tlvs)

    def _suffer(
        self, link: Link, event: Requested, injected: tuple[Injected, ...], process: Callable[[], Response]
    ) -> None:
        work = _Work(event, injected, process)
        for effect in work.after:
            if isinstance(effect, GhostBind):
                link.ghost = effect.seconds
            elif isinstance(effect, Coalesce):
                link.coalesce = True
        self._later(link, work.delay_before, partial(self._begin, link, work))

    def _later(self, link: Link, seconds: float, step: Callable[[], None]) -> None:
        if seconds > 0:
            self._platform.clock.call_later(seconds, link.step, step)
        else:
            step()

    def _begin(self, link: Link, work: _Work) -> None:
        event = work.event
        for effect in work.before:
            answer = answer_of(effect, event.request.command, None)
            if answer is not None:
                link.answer(event, answer)
                return
            if self._strike(link, effect, event, refusal(event.request.command, CommandStatus.ESME_RSYSERR)):
                return
        response = work.process()
        if work.early:
            # Whoever is to have the receipt has it before the answer is queued.
            link.pump_all()
        self._later(link, work.delay_after, partial(self._reply, link, work, response))

    def _reply(self, link: Link, work: _Work, response: Response) -> None:
        event = work.event
        unbinds = False
        for effect in work.after:
            answer = answer_of(effect, event.request.command, response)
            if answer is not None:
                response = answer
            elif isinstance(effect, Unbind):
                unbinds = True
            elif self._strike(link, effect, event, response):
                return
        link.answer(event, response)
        if unbinds:
            link.unbind()

    def _strike(self, link: Link, effect: Effect, event: Requested, response: Response) -> bool:
        """What comes in place of an answer; says whether there was anything."""
        if isinstance(effect, Drop):
            link.end(rst=effect.how == "rst")
            return True
        if isinstance(effect, NoAnswer):
            return True
        if isinstance(effect, Unbind):
            link.unbind()
            return True
        broken = broken_octets(effect, event.sequence, response)
        if broken is None:
            return False
        octets, ends = broken
        link.write_raw(octets)
        if ends:
            link.end(rst=getattr(effect, "how", "fin") == "rst")
        return True
