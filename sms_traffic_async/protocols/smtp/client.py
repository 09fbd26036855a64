"""``sms.smtp``: sending by e-mail, in both variants of the document."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Unpack

from sms_traffic_async.clock import Clock
from sms_traffic_async.complaints import ShortValidity
from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.lifecycle import Interrupted, Life, SessionClosed
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.policy.guards import OnlyTo
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http_v1.arguments import GroupKeywords, SendArguments, SendKeywords, arguments_of
from sms_traffic_async.protocols.http_v1.models import Recipient, SendReply
from sms_traffic_async.protocols.login import login_of
from sms_traffic_async.protocols.series import Series
from sms_traffic_async.protocols.smtp.arguments import LetterMaker, carried
from sms_traffic_async.protocols.smtp.models import Letter
from sms_traffic_async.protocols.smtp.rate import LetterRate
from sms_traffic_async.protocols.smtp.sending import Delivery, PostOffice
from sms_traffic_async.protocols.smtp.servers import Servers
from sms_traffic_async.protocols.unkeyed import chosen
from sms_traffic_async.settings import OnUnknown, Settings, call_seconds
from sms_traffic_async.settings_mail import SmtpOptions
from sms_traffic_async.telemetry import Telemetry, get_logger
from sms_traffic_async.tls import default_context

__all__ = ("Smtp",)


class Smtp:
    """Sending by e-mail for one session, or for one view of it.

    A letter that the server took is *handed over*, not accepted: the platform
    says whether it accepted a message only by its reply letter (variant 2 with
    ``reply_to_email``; read it with ``read_reply``), a status push or a report.

    Args:
        settings: the credentials and everything general.
        options: the relay, and what letters look like.
        clock: the session's.
        telemetry: the session's.
        life: the session's.
        pauses: the session's.
        rate: shared by everything that sends letters for the account.

    Raises:
        ConfigurationError: there is no login, or letters cannot carry it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        options: SmtpOptions,
        clock: Clock,
        telemetry: Telemetry,
        life: Life | None = None,
        pauses: Pauses | None = None,
        rate: LetterRate | None = None,
    ) -> None:
        login, password = login_of(settings.credentials, "e-mail")
        fits = login.isascii() if options.variant == 1 else carried(login) and carried(password.reveal())
        if not fits:
            raise ConfigurationError("login and password: letters cannot carry some character of them")
        self._settings = settings
        self._life = life or Life()
        self._maker = LetterMaker(login=login, password=password, options=options)
        self._office = PostOffice(
            settings=settings,
            options=options,
            servers=Servers(options, policy=settings.retry, clock=clock),
            rate=rate or LetterRate(options.letters_per_minute),
            pauses=pauses or Pauses(),
            clock=clock,
            telemetry=telemetry,
            context=options.ssl_context,
        )
        self._only_to = OnlyTo.from_env()
        self._short_validity = ShortValidity(get_logger("smtp"))

    async def submit(
        self,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None = None,
    ) -> Submission:
        """Hand one message over to the mail server; what ``sms.send(via="smtp")`` does.

        Args:
            message: what to send. Variant 1 carries a number and a text only.
            timeout: seconds for the whole call, repeats included.
            on_unknown: instead of the session's: ``resend`` repeats what may
                have been taken, on the same server, up to three letters in all.

        Returns:
            A submission without ids: the letter was handed over, and ``node``
            is the mail server that has it. Its ``key`` stands in the reply
            letter (``ReplyLetter.key``), which brings ids or a refusal.

        Raises:
            InvalidMessage: the variant cannot carry it; nothing was sent.
            NotSent, Rejected, OutcomeUnknown: see ``SendError``.

        Cancellation:
            Before the letter's content is written nothing was sent; after that
            it may have been taken. The connection is closed either way.
        """
        arguments = arguments_of(message, "smtp1" if self._maker.options.variant == 1 else "smtp")
        expires_in = message.expires_in
        del message  # a traceback printed with locals shows this frame
        if isinstance(arguments, InvalidMessage):
            raise arguments
        letters = self._letters(arguments)
        del arguments
        outcomes, _ = await self._deliver(letters, timeout, on_unknown, expires_in)
        if isinstance(outcomes[0], Submission):
            return outcomes[0]
        raise outcomes[0]

    async def send(
        self,
        recipients: Sequence[Recipient | str] | Recipient | str,
        text: str | None = None,
        *,
        on_unknown: OnUnknown | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        **options: Unpack[SendKeywords],
    ) -> SendReply:
        """Hand one text for many, or to each its own, over to the mail server.

        Arguments are those of ``v1.send``; variant 1 takes recipients and texts
        only, and makes a letter of each message.

        Returns:
            An outcome for each recipient, in order; see ``submit`` for what a submission says here.

        Raises:
            InvalidMessage: refused before any I/O.

        Cancellation: as in ``submit``, for every message of the letter under way.
        """
        arguments = SendArguments(recipients=recipients, text=text, region=self._settings.phone_region, **options)
        del recipients, text, options  # as in submit
        letters = self._letters(arguments)
        outcomes, count = await self._deliver(letters, timeout, on_unknown, None)
        return SendReply(outcomes=outcomes, requests=count)

    async def send_group(
        self,
        group: str,
        text: str,
        *,
        on_unknown: OnUnknown | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        **options: Unpack[GroupKeywords],
    ) -> Submission:
        """Hand one text for every number of a mailing list over to the mail server; variant 2 only.

        Arguments are those of ``v1.send_group``.

        Returns:
            A submission without ids and without a number, as in ``submit``; its ``parts`` are those of one number.

        Raises:
            InvalidMessage: refused before any I/O.
            ConfigurationError: ``SMS_TRAFFIC_ONLY_TO`` is set: nobody can say whom a list holds.
            NotSent, Rejected, OutcomeUnknown: see ``SendError``.

        Cancellation: as in ``submit``.
        """
        self._only_to.check_list()
        letters = self._letters(SendArguments(group=group, text=text, **options))
        del text, options  # as in submit
        (outcome,), _ = await self._deliver(letters, timeout, on_unknown, None)
        if isinstance(outcome, Submission):
            return outcome
        raise outcome

    def _letters(self, arguments: SendArguments) -> list[Letter] | InvalidMessage:
        settings = self._settings
        now = datetime.fromtimestamp(self._office.clock.wall(), UTC)
        made = self._maker.letters(arguments, originator=settings.originator, max_parts=settings.max_parts, now=now)
        if not isinstance(made, InvalidMessage):
            self._short_validity.look_at(arguments.validity)
        return made

    async def _deliver(
        self,
        letters: list[Letter] | InvalidMessage,
        timeout: float | None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None,
        expires_in: float | None,
    ) -> tuple[tuple[Outcome, ...], int]:
        if isinstance(letters, InvalidMessage):
            raise letters
        otherwise = chosen(on_unknown, self._settings.on_unknown)
        refused = self._only_to.refusal(member.to for letter in letters for member in letter.members)
        if refused is not None:
            raise refused
        clock = self._office.clock
        seconds = call_seconds(timeout, self._settings.timeouts.deadline)
        now = clock.monotonic()
        office = await self._opened()
        deliver = partial(
            Delivery,
            office,
            deadline=now + seconds,
            expires_at=math.inf if expires_in is None else now + expires_in,
            on_unknown=otherwise,
        )
        series = Series(letters, deliver)
        try:
            with self._life.call():
                await series.run()
        except (Interrupted, SessionClosed):
            series.interrupted()
        return series.outcomes(), len(letters)

    async def _opened(self) -> PostOffice:
        """With a TLS context: building one is work of tens of milliseconds, and not for the loop."""
        office = self._office
        if office.context is None and office.options.tls != "none":
            self._office = office = replace(office, context=await asyncio.to_thread(default_context))
        return office
