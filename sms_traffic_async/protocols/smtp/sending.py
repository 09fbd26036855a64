"""Sending letters so that no message becomes two SMS unless the caller chose that.

Rules (docs/reliability.md; docs/field-notes.md, C, SMTP)
-------------------------------------------------
1. 250 after the final dot is "handed over": the record says so at once, before
   anything is awaited again. No id comes with it.
2. Before the content is written: not sent, and the next server may be tried.
   4xx: refused for now, the same. 5xx: refused, and no other server is asked.
3. From there on without an answer: unknown; repeated only with
   ``on_unknown="resend"``, on the same server, three times at most.
4. Every try takes a place of the letter rate.
"""

from __future__ import annotations

import math
import ssl
from dataclasses import dataclass

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import (
    AuthenticationFailed,
    NotSent,
    Rejected,
    SendError,
    TemporarilyUnavailable,
    TlsError,
)
from sms_traffic_async.policy.attempts import RESENDING_SEND, UNKEYED_SEND, Attempt, Verdict
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.loop import Finished, Stopped, run_call
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.failures import UntrustedNode, session_closed
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.members import Member
from sms_traffic_async.protocols.smtp.link import LinkFailed, LinkStage, hand_over
from sms_traffic_async.protocols.smtp.models import Letter
from sms_traffic_async.protocols.smtp.rate import LetterRate
from sms_traffic_async.protocols.smtp.servers import NoServers, Servers
from sms_traffic_async.protocols.unkeyed import UnkeyedRecord
from sms_traffic_async.secrets import redact
from sms_traffic_async.settings import OnUnknown, Settings
from sms_traffic_async.settings_mail import SmtpOptions
from sms_traffic_async.telemetry import Telemetry

__all__ = ("SEND", "Delivery", "PostOffice")

SEND = "smtp.send"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOffice:
    """What all deliveries of one client share."""

    settings: Settings
    options: SmtpOptions
    servers: Servers
    rate: LetterRate
    pauses: Pauses
    clock: Clock
    telemetry: Telemetry
    context: ssl.SSLContext | None = None


class Delivery:
    """One letter on its way. Made for one use.

    Args:
        office: what is shared.
        letter: the letter.
        deadline: monotonic seconds; nothing is awaited beyond it.
        expires_at: monotonic seconds; no attempt begins after it.
        on_unknown: what is done when nobody can tell whether it was taken.
    """

    def __init__(
        self,
        office: PostOffice,
        letter: Letter,
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
    ) -> None:
        self._office = office
        self._letter = letter
        self._deadline = deadline
        self._until = min(deadline, expires_at)
        self._rules = RESENDING_SEND if on_unknown == "resend" else UNKEYED_SEND
        self._stage: LinkStage | None = None
        self._node = ""
        self._record = UnkeyedRecord(
            letter.members,
            via="smtp",
            operation=SEND,
            start_at=letter.start_at,
            clock=office.clock,
            telemetry=office.telemetry,
            unknown_advice="A reply letter, a push or the cabinet can tell; sending it again may be a second SMS.",
        )

    async def run(self) -> tuple[Outcome, ...]:
        """Send it.

        Returns:
            For each message, in order, a ``Submission`` or a ``SendError``.

        Cancellation:
            As it is. What is known by then is what ``interrupted`` gives.
        """
        record, office = self._record, self._office
        record.begin()
        refusal: SendError | None = None
        ended: Finished[bool] | Stopped | None = None
        try:
            nodes = await office.servers.nodes(self._until - office.clock.monotonic())
            ended = await self._run_on(nodes)
        except NoServers as error:
            refusal = _no_servers(str(error))
        except SendError as error:
            self._stage = None
            refusal = error.with_traceback(None)
        if not record.ambiguous:
            if isinstance(ended, Stopped):
                for index, member in list(record.open()):
                    record.fail(index, _named(ended, member))
            elif refusal is not None:
                record.fail_open(refusal)
        return record.outcomes()

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled: handed over, unknown, or provably not sent."""
        if self._stage is not None:
            if self._stage.taken:
                self._take()
            elif self._stage.writing:
                self._record.left_unanswered()
        if not self._record.ambiguous:
            for index, member in list(self._record.open()):
                self._record.fail(index, session_closed(SEND, member.key))
        return self._record.outcomes()

    async def _run_on(self, nodes: NodeSet) -> Finished[bool] | Stopped:
        office = self._office

        async def attempt(node: str) -> bool | Attempt:
            return await self._attempt(node, nodes)

        return await run_call(
            attempt,
            rules=self._rules,
            policy=office.settings.retry,
            nodes=nodes,
            pauses=office.pauses,
            clock=office.clock,
            deadline=self._until,
            telemetry=office.telemetry,
            credential=f"mail of {office.settings.credentials.login}",
        )

    async def _attempt(self, node: str, nodes: NodeSet) -> bool | Attempt:
        office, clock = self._office, self._office.clock
        await self._take_place()
        self._node = node
        self._stage = stage = LinkStage()
        self._record.goes_to(node)
        started = nodes.started(node)
        settled = False
        try:
            failed = await hand_over(
                self._letter,
                host=node,
                options=office.options,
                context=office.context,
                timeouts=office.settings.timeouts,
                stage=stage,
                seconds=max(self._deadline - clock.monotonic(), 0.001),
            )
            ended = nodes.finished(node, None if failed is None or failed.status is not None else failed.verdict)
            settled = True
        finally:
            if not settled:
                nodes.abandoned(node)
        self._stage = None
        if failed is None:
            self._take()
            return True
        found = _attempt_of(failed, node, started, ended)
        self._record.failed(found)
        return found

    async def _take_place(self) -> None:
        """Wait for a place of the letter rate.

        Raises:
            NotSent: ``overloaded``: there is none in time.

        Cancellation: the place is given back.
        """
        rate, clock = self._office.rate, self._office.clock
        now = clock.monotonic()
        at = rate.reserve(now, self._until)
        if at is None:
            raise NotSent(
                f"{SEND}: no more letters a minute than the options allow.",
                reason="overloaded",
                advice="Send more messages in a letter, or wait a minute.",
            )
        if at > now:
            waited = False
            try:
                await clock.sleep(at - now)
                waited = True
            finally:
                if not waited:
                    rate.give_back(at)

    def _take(self) -> None:
        for index, _ in list(self._record.open()):
            self._record.accept(index, (), self._node, evidence="handover")


def _attempt_of(failed: LinkFailed, node: str, started: float, ended: float) -> Attempt:
    return Attempt(
        node=node,
        started=started,
        ended=ended,
        verdict=failed.verdict,
        status=failed.status,
        description=failed.description,
        cause=failed.cause,
        detail=failed,
    )


def _no_servers(problem: str) -> NotSent:
    return NotSent(
        f"{SEND}: the platform's mail servers could not be looked up ({problem}).",
        reason="unreachable",
        advice="Check the name servers, or use a relay.",
    )


def _named(stopped: Stopped, member: Member) -> SendError:
    """Why a letter was not taken; no attempt may have been."""
    answered = [attempt for attempt in stopped.attempts if attempt.answered]
    last = answered[-1] if answered else (stopped.attempts[-1] if stopped.attempts else None)
    if last is None:
        return NotSent(
            f"{SEND}: the deadline passed before it could be sent.", reason="expired", message_key=member.key
        )
    failed = last.detail
    step = failed.step if isinstance(failed, LinkFailed) else ""
    common = {"node": last.node, "message_key": member.key}
    described = {**common, "description": redact(last.description)}
    if last.verdict is Verdict.PERMANENT and step == "login":
        return AuthenticationFailed(
            f"{SEND}: the mail server did not accept its login (SMTP {last.status}).",
            advice="Check login and password of SmtpOptions: they are the relay's.",
            **described,
        )
    if last.verdict is Verdict.PERMANENT:
        return Rejected(
            f"{SEND}: the mail server refused the letter at {step!r} (SMTP {last.status}).",
            advice="Check that sending by e-mail is on for the account, and what the server may be sent.",
            **described,
        )
    if last.verdict is Verdict.REFUSED:
        return TemporarilyUnavailable(
            f"{SEND}: the mail server does not take the letter now, at {step!r} (SMTP {last.status}).",
            advice="Send it again later.",
            **described,
        )
    error: SendError
    if isinstance(last.cause, TlsError):
        error = UntrustedNode(f"{SEND}: the certificate was not accepted.", reason="unreachable", **common)
    else:
        error = NotSent(
            f"{SEND}: nothing was handed over, it ended at {step!r}.",
            reason="unreachable",
            advice="Check host, port and tls of SmtpOptions.",
            **common,
        )
    error.__cause__ = last.cause
    return error
