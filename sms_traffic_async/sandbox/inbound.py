"""Messages from subscribers: how they enter the platform, and what a short number's script makes of one.

`Inbound` stores the message and hands it to every way that is registered; each
way looks at the account's settings by itself. v1 ``incoming`` and reports with
``type=mo`` read the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.accounts import Account, Principal
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.rules import on_air
from sms_traffic_async.sandbox.store import StoredMessage

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.platform import Platform

__all__ = ("Inbound", "Way")

Way = Callable[[StoredMessage], object]
"""Delivers one inbound message, or begins to; it looks up ``Inbound.account_of`` and must not raise."""

KEEP_ANSWERS = 10_000
ANSWER_MAX_PARTS = 255
LONGEST_ADDRESS = 20
"""Octets of an address in SMPP (3.4, 5.2.8), the narrowest of the ways."""


class Inbound:
    """What subscribers write. ``platform.inbound(sender=…, recipient=…, text=…)`` takes one message in.

    Attributes:
        ways: called with every message, in the block that takes it.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.ways: list[Way] = []
        self._answers: OrderedDict[str, str] = OrderedDict()

    def __call__(self, *, sender: str, recipient: str, text: str, login: str = "", node: int = 1) -> StoredMessage:
        """A subscriber writes to one of the customer's numbers: store it, and deliver it by every way.

        Args:
            sender: the subscriber's number.
            recipient: the customer's number, or a short number.
            text: what was written.
            login: whose number it is; the first account's without it.
            node: the node that delivers it.

        Raises:
            ConfigurationError: there is no such login, the text is empty, or a number cannot be one.
        """
        if not text or not sender or not recipient:
            raise ConfigurationError("an inbound message has a sender, a recipient and a text")
        for address in (sender, recipient):
            if not (address.isascii() and address.isprintable() and len(address) <= LONGEST_ADDRESS):
                raise ConfigurationError(
                    f"a number or a name has up to {LONGEST_ADDRESS} printable characters of ASCII"
                )
        if login and not self._platform.accounts.has_login(login):
            raise ConfigurationError("there is no such login")
        message = self._platform.receive(sender=sender, recipient=recipient, text=text, login=login, node=node)
        for way in self.ways:
            way(message)
        return message

    def account_of(self, message: StoredMessage) -> Account:
        """Whose message it is."""
        return self._platform.accounts.get(message.login.partition(":")[0])

    def answered(self, message: StoredMessage, body: bytes, *, content_type: str, request_id: str) -> None:
        """What a short number's script answered: it goes to the subscriber as it is, once; nothing for an empty one.

        Args:
            message: what it answers.
            body: its words, in the charset of the short number.
            content_type: what it says they are.
            request_id: of the call, as in the accept log.
        """
        short = self.account_of(message).inbound.short_number(message.originator)
        charset = "windows-1251" if short is None else short.charset
        try:
            text = body.decode(charset)
        except UnicodeDecodeError:
            text = body.decode(charset, "replace")
            self._note(message, request_id, f"is not {charset}")
        if "html" in content_type.lower() or text.lstrip().startswith("<"):
            self._note(message, request_id, "has formatting; it goes to the subscriber as it is")
        before = self._answers.get(message.id)
        if before is not None:
            if before != text:
                self._note(message, request_id, "differs from the answer to the same sms_id before")
            return
        self._answers[message.id] = text
        while len(self._answers) > KEEP_ANSWERS:
            self._answers.popitem(last=False)
        if text.strip():
            self._send(message, text, request_id)

    def _note(self, message: StoredMessage, request_id: str, problem: str) -> None:
        self._platform.findings.add(
            "answer", problem, protocol="push", operation="short_number", node=message.node, request_id=request_id
        )

    def clear(self) -> None:
        """Forget the answers."""
        self._answers.clear()

    def _send(self, message: StoredMessage, text: str, request_id: str) -> None:
        platform = self._platform
        air = on_air(
            text, number=message.to, transliterate=False, max_parts=ANSWER_MAX_PARTS, switches=platform.switches
        )
        if isinstance(air, Refusal):
            self._note(message, request_id, f"is refused with code {air.code}")
            return
        # The short number is the sender, which nobody has to register; the customer pays nothing for it here.
        prepared = Prepared(
            draft=Draft(to=message.to, text=text, originator=message.originator),
            number=message.to,
            originator=message.originator,
            air=air,
            outcome=platform.outcomes.of(message.to),
            cost=Decimal(0),
        )
        arrival = Arrival(
            protocol="short_number",
            node=message.node,
            principal=Principal(account=self.account_of(message)),
            request_id=request_id,
        )
        platform.take([prepared], arrival)
