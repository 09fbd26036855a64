"""Makes calls of what waits for a destination, by the settings of its account. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from sms_traffic_async.sandbox.accounts import Account
from sms_traffic_async.sandbox.inbound_email import Letter, inbound_letter
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.pushes_log import Dropped, PushCall, PushLog
from sms_traffic_async.sandbox.pushes_route import Entry, Key, Route
from sms_traffic_async.sandbox.pushes_settings import Retries
from sms_traffic_async.sandbox.pushes_wire import HttpPush, inbound_push, status_push
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("Calls",)


class Calls:
    """The calls of one sandbox, numbered and written down.

    Args:
        platform: whose accounts they are of.
        log: where they are kept.
        relay: host and port of the mail server for letters of accounts that name none.

    Attributes:
        made: how many there were since the last reset.
    """

    def __init__(self, platform: Platform, log: PushLog, relay: tuple[str, int] | None) -> None:
        self._platform = platform
        self._log = log
        self._relay = relay
        self._number = 0
        self.made: int = 0

    def account(self, key: Key) -> Account | None:
        """Whose destination it is; ``None`` if that account is gone."""
        try:
            return self._platform.accounts.get(key.login)
        except KeyError:
            return None

    def retries(self, key: Key) -> Retries:
        """What happens to its calls that fail."""
        account = self.account(key)
        if account is None:
            return Retries()
        return account.pushes.retries if key.kind == "statuses" else account.inbound.retries

    def next_of(self, route: Route) -> PushCall | None:
        """The next call of what waits; what has nowhere to go any more is forgotten."""
        entries, key = route.entries, route.key
        account = self.account(key)
        while entries and account is not None:
            if key.kind == "statuses":
                settings = account.pushes
                if not settings.url:
                    break
                most = 1 if settings.form == "form" else settings.batch
                return self.of_statuses(account, [entries.popleft() for _ in range(min(most, len(entries)))])
            entry = entries.popleft()
            parcel = self._parcel(key, account, entry.message)
            if parcel is not None:
                return self._made(key, parcel, (entry,))
        entries.clear()
        return None

    def of_statuses(self, account: Account, taken: Iterable[Entry]) -> PushCall:
        """One call with statuses."""
        entries = tuple(taken)
        items = [entry.item for entry in entries if entry.item is not None]
        return self._made(Key("statuses", account.login), status_push(items, account.pushes), entries)

    def _parcel(self, key: Key, account: Account, message: StoredMessage) -> HttpPush | Letter | None:
        settings = account.inbound
        if key.kind == "short_number":
            short = settings.short_number(key.number)
            if short is None:
                return None
            password = "" if short.password is None else short.password.reveal()
            return inbound_push(
                message,
                url=short.url,
                method=short.method,
                charset=short.charset,
                shortcode=short.number,
                password=password,
            )
        if key.kind == "inbound":
            if not settings.url:
                return None
            return inbound_push(message, url=settings.url, method=settings.method, charset=settings.charset)
        server = settings.email_server or self._relay
        return None if server is None or not settings.email else inbound_letter(message, settings, server)

    def _made(self, key: Key, parcel: HttpPush | Letter, entries: tuple[Entry, ...]) -> PushCall:
        drops: list[Dropped] = [entry.drop for entry in entries if entry.drop]
        self._number += 1
        self.made += 1
        call = PushCall(
            id=f"push-{self._number}",
            kind=key.kind,
            login=key.login,
            parcel=parcel,
            messages=tuple(dict.fromkeys(entry.message for entry in entries)),
            message_ids=tuple(entry.message.id if entry.item is None else entry.item.message_id for entry in entries),
            created_at=self._platform.clock.now(),
            drop=drops[0] if drops else "",
        )
        self._log.add(call)
        return call
