"""What a caller wants sent, as letters, or what is wrong with it.

Gives the error instead of raising it: the frame that raises must hold no number
and no text, because a traceback printed with locals shows it.

Rules
-----
1. Variant 1 carries a number and a text, one message a letter, and nothing else.
2. Variant 2 carries what HTTP v1 carries, in requests shaped like its own: at
   most 6,000 estimated parts, which is below the 10,000 messages of a letter.
3. Nothing is left out in silence.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.http_v1.arguments import SendArguments, requests_of
from sms_traffic_async.protocols.http_v1.form import carries, charset_of
from sms_traffic_async.protocols.http_v1.models import SendRequest
from sms_traffic_async.protocols.http_v1.wire import encode_send
from sms_traffic_async.protocols.smtp.models import Letter
from sms_traffic_async.protocols.smtp.wire import (
    MULTI_ADDRESS,
    body_of_fields,
    collapsed,
    compose,
    corp_address,
    has_blank_line,
)
from sms_traffic_async.secrets import Secret, mask_text
from sms_traffic_async.settings_mail import SmtpOptions

__all__ = ("LetterMaker",)

MESSAGE_SUBJECT = "SMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterMaker:
    """Makes letters of one account.

    Attributes:
        login: of the platform.
        password: of the platform; only variant 2 has it in its letters.
        options: how letters look.
    """

    login: str
    password: Secret
    options: SmtpOptions

    def letters(
        self, arguments: SendArguments, *, originator: str | None, max_parts: int, now: datetime
    ) -> list[Letter] | InvalidMessage:
        """The letters of a call.

        Args:
            arguments: what to send.
            originator: the session's sender.
            max_parts: the session's limit.
            now: by the wall clock (aware).
        """
        if self.options.variant == 1:
            problem = _variant_1_problem(arguments, originator)
            if problem is not None:
                return problem
            # What becomes of Cyrillic is the account's setting; UCS-2 makes the most parts, so with rus="auto" that is
            # what is estimated of it. A Latin text stays what it is.
        requests = requests_of(arguments, originator=originator, max_parts=max_parts, now=now)
        if isinstance(requests, InvalidMessage):
            return requests
        letters: list[Letter] = []
        for request in requests:
            if self.options.variant == 1:
                letters += self._variant_1(request, now)
                continue
            letter = self._variant_2(request, now)
            if isinstance(letter, InvalidMessage):
                return letter
            letters.append(letter)
        return letters

    def _variant_1(self, request: SendRequest, now: datetime) -> list[Letter]:
        options = self.options
        in_subject = options.phone_in == "subject"
        return [
            compose(
                member.text if member.text is not None else request.text or "",
                key=member.key,
                sender=options.sender,
                to=corp_address(self.login, None if in_subject else member.to),
                subject=member.to if in_subject else MESSAGE_SUBJECT,
                date=now,
                members=(replace(member, parts_exact=False),),
                encoding=options.transfer_encoding,
            )
            for member in request.members
        ]

    def _variant_2(self, request: SendRequest, now: datetime) -> Letter | InvalidMessage:
        options = self.options
        pairs: list[tuple[str, str]] = []
        for name, value in encode_send(request):
            if value and has_blank_line(value):
                if options.blank_lines == "refuse":
                    return InvalidMessage(
                        "text",
                        mask_text(value),
                        f"a blank line in {name} would end it: blank_lines='collapse' takes it out",
                    )
                value = collapsed(value)  # noqa: PLW2901 - the same value, without what cannot be carried
                if not value:
                    return InvalidMessage("text", "blank lines", "nothing is left of it without them")
            pairs.append((name, value))
        if options.reply_to_email:
            pairs.append(("reply_to_email", "1"))
        key = request.members[0].key if len(request.members) == 1 else str(uuid.uuid4())
        charset = charset_of(request.options.rus)
        own = (("login", self.login), ("password", self.password.reveal()))
        letter = compose(
            body_of_fields((*own, *pairs)),
            key=key,
            sender=options.sender,
            to=Address(addr_spec=MULTI_ADDRESS),
            subject=MESSAGE_SUBJECT,
            date=now,
            members=request.members,
            charset="windows-1251" if charset == "cp1251" else charset,
            encoding=options.transfer_encoding,
        )
        return replace(letter, start_at=request.options.start_at)


def _variant_1_problem(arguments: SendArguments, originator: str | None) -> InvalidMessage | None:
    default = SendArguments()
    given: dict[str, object] = {"originator": arguments.originator or originator}
    for name in _NOT_IN_VARIANT_1:
        value = getattr(arguments, name)
        if value != getattr(default, name):
            given[name] = value
    for name, value in given.items():
        if value is not None:
            return InvalidMessage(name, mask_text(value), "variant 1 of e-mail cannot carry it; variant 2 and HTTP can")
    recipients = arguments.recipients
    every: Sequence[object] = () if isinstance(recipients, str) or not isinstance(recipients, Sequence) else recipients
    if any(getattr(one, "push_id", None) is not None for one in every):
        return InvalidMessage("push_id", "given", "e-mail of variant 1 cannot carry it; HTTP v1 can")
    return None


_NOT_IN_VARIANT_1 = (
    "rus", "flash", "start_at", "truncate", "validity", "two_byte_concat", "ignore_phone_format", "want_ids",
    "with_push_id", "delimiter", "extra", "group",
)  # fmt: skip


def carried(login: str) -> bool:
    """Whether letters can carry a login or a password."""
    return carries("cp1251", login) and not has_blank_line(login)
