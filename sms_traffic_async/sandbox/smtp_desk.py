"""What becomes of a letter: both variants of sending by e-mail, over the same store as everything else.

A letter that the server took is answered 250 whatever comes of it: that is
"handed over", not acceptance. A refusal is known only from the reply letter of
the second variant; here it is a finding too.
"""

from __future__ import annotations

import re
from collections import deque
from functools import partial

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.classic import IDS_START, Item, Note, Order, Placed, place, sign_in
from sms_traffic_async.sandbox.drafts import Arrival
from sms_traffic_async.sandbox.http_v1_answers import refused_content, send_content
from sms_traffic_async.sandbox.http_v1_order import SEND_FIELDS, Refused, note_unknown, read_order
from sms_traffic_async.sandbox.masking import mask_letter
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.rules import AirEncoding
from sms_traffic_async.sandbox.smtp_letters import Letter, local_part, read_fields, read_letter
from sms_traffic_async.sandbox.smtp_replies import Replies
from sms_traffic_async.sandbox.store import Exchange

__all__ = ("CORP", "MULTI", "Desk")

CORP = "corp.smsmail.ru"
MULTI = "smtp2.smsmail.ru"
NODE = 1
"""E-mail knows no nodes; it is counted as the first."""
RECOMMENDED_LETTERS = 100
RECOMMENDED_MESSAGES = 10_000
MINUTE = 60.0
HEAD = '<?xml version="1.0"?>'
"""As the document prints the reply letter, without the space that HTTP replies have."""

_PHONE_AND_LOGIN = re.compile(r"(\d+)\.(.+)", re.ASCII)


class Desk:
    """Takes letters in."""

    def __init__(self, platform: Platform, replies: Replies) -> None:
        self._platform = platform
        self._replies = replies
        self._times: deque[float] = deque()

    def recipient(self, address: str) -> str | None:
        """Why a recipient is refused, as an SMTP answer; ``None`` if it is not."""
        local, domain = local_part(address)
        if domain == MULTI:
            return None if local == "multi" else "550 5.1.1 No such mailbox"
        if domain != CORP:
            return "550 5.7.1 Relaying denied"
        found = self._mailbox(local)
        if found is None:
            return "550 5.1.1 No such mailbox"
        if not found[0].account.email.allowed:
            return "550 5.7.1 Sending by e-mail is off for this account"
        return None

    def note(self, request_id: str) -> Note:
        """Writes findings of one letter."""
        return partial(self._platform.findings.add, protocol="smtp", operation="send", node=NODE, request_id=request_id)

    def take(self, content: bytes, *, sender: str, to: str, ip: str, request_id: str, temporary: str | None) -> None:
        """Take a letter for one recipient.

        Args:
            content: the letter.
            sender: the envelope's sender, whom an answer goes to.
            to: the envelope's recipient.
            ip: where it came from.
            request_id: its name in logs.
            temporary: a fault: code 1000 ``before`` acceptance or ``after`` it.
        """
        note = self.note(request_id)
        self._count(note)
        letter = read_letter(content, note)
        self._record(letter, to, request_id)
        if letter.text is None:
            return
        local, domain = local_part(to)
        arrive = partial(Arrival, protocol="smtp", node=NODE, request_id=request_id, ip=ip, ids_per_part=True)
        if domain == CORP:
            if temporary != "before":
                self._first(letter, local, arrive, note)
            return
        fields = read_fields(letter.text, note)
        text = self._second(fields.values, arrive, ip, note, temporary)
        if fields.reply and sender:
            self._replies.write(sender, text, in_reply_to=letter.message_id, request_id=request_id)

    def reset(self) -> None:
        """Forget the count of letters."""
        self._times.clear()

    def _mailbox(self, local: str) -> tuple[Principal, str | None] | None:
        """Whose mailbox it is, and the number in the address. A login with a dot is a login first."""
        principal = self._platform.accounts.by_mailbox(local)
        if principal is not None:
            return principal, None
        split = _PHONE_AND_LOGIN.fullmatch(local)
        if split is None:
            return None
        principal = self._platform.accounts.by_mailbox(split.group(2))
        return None if principal is None else (principal, split.group(1))

    def _first(self, letter: Letter, local: str, arrive: partial[Arrival], note: Note) -> None:
        found = self._mailbox(local)
        if found is None:
            return
        principal, phone = found
        settings = principal.account.email
        if settings.received_from and not any(
            host.lower() in value.lower() for host in settings.received_from for value in letter.received
        ):
            note("Received", "names none of the hosts that this account sends from", refused=True)
            return
        number = phone or letter.subject
        if settings.numbers and number not in settings.numbers:
            note("Subject" if phone is None else "To", "is no number that this account may send to", refused=True)
            return
        text = (letter.text or "").strip()
        # The sender is always the account's own: this variant cannot name one.
        encoding: AirEncoding = "gsm7" if settings.transliterate else "auto"
        order = Order(items=(Item(to=number, text=text),), encoding=encoding)
        placed = place(order, self._platform, arrive(principal=principal), note=note) if text else refuse(405)
        if isinstance(placed, Refusal):
            note("(letter)", f"is refused with code {placed.code}", refused=True)

    def _second(
        self, fields: dict[str, str], arrive: partial[Arrival], ip: str, note: Note, temporary: str | None
    ) -> str:
        """The reply letter's text."""
        note_unknown(fields, SEND_FIELDS, note)
        try:
            placed, with_ids = self._placed(fields, arrive, ip, note, temporary)
        except Refused as no:
            note("(letter)", f"is refused with code {no.refusal.code}", refused=True)
            return f"{HEAD}<reply>{refused_content(no.refusal)}</reply>"
        if placed.queued > RECOMMENDED_MESSAGES:
            note("phones", f"has more than the recommended {RECOMMENDED_MESSAGES} messages")
        return f"{HEAD}<reply>{send_content(placed, ids=with_ids)}</reply>"

    def _placed(
        self, fields: dict[str, str], arrive: partial[Arrival], ip: str, note: Note, temporary: str | None
    ) -> tuple[Placed, bool]:
        platform = self._platform
        principal = sign_in(platform, fields.get("login"), fields.get("password"), ip)
        if isinstance(principal, Refusal):
            raise Refused(principal)
        if temporary == "before":
            raise Refused(refuse(1000))
        order = read_order(fields, principal.account, platform.switches, note)
        placed = place(order, platform, arrive(principal=principal), note=note)
        if isinstance(placed, Refusal):
            raise Refused(placed)
        if temporary == "after":
            raise Refused(refuse(1000))
        # The printed reply lists ids though its request asks for none.
        start = order.start
        return placed, start is None or start.timestamp() <= platform.clock.now() + IDS_START

    def _count(self, note: Note) -> None:
        now = self._platform.clock.now()
        while self._times and self._times[0] <= now - MINUTE:
            self._times.popleft()
        self._times.append(now)
        if len(self._times) > RECOMMENDED_LETTERS:
            note("(letter)", f"is one of more than the recommended {RECOMMENDED_LETTERS} a minute")

    def _record(self, letter: Letter, to: str, request_id: str) -> None:
        platform = self._platform
        platform.store.record(
            Exchange(
                request_id=request_id,
                protocol="smtp",
                operation="send",
                node=NODE,
                at=platform.clock.now(),
                first_line=f"RCPT TO:<{to}>",
                headers=letter.headers,
                body=mask_letter(letter.text or "").encode(),
                status=250,
                answer=b"250 OK",
            )
        )
