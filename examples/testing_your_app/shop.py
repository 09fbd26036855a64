"""A shop that logs its customers in by SMS: the application whose tests are beside it."""

from __future__ import annotations

import secrets

from sms_traffic_async import OutcomeUnknown, SmsTraffic


class Login:
    """One-time codes: sent, then checked once."""

    def __init__(self, sms: SmsTraffic) -> None:
        self._sms = sms
        self._codes: dict[str, str] = {}

    async def start(self, phone: str, attempt: str) -> bool:
        """Send a code. False: nobody can tell whether it went out, and the customer is asked to wait."""
        code = f"{secrets.randbelow(10_000):04d}"
        self._codes[phone] = code
        try:
            await self._sms.send(phone, f"Ваш код {code}", key=f"login-{attempt}", timeout=5)
        except OutcomeUnknown:
            return False
        return True

    def finish(self, phone: str, code: str) -> bool:
        """Whether the code is the one that was sent; it works once."""
        return self._codes.pop(phone, None) == code


async def notify(sms: SmsTraffic, phone: str, order: int) -> str:
    """Tell that an order is ready, and what became of the message."""
    sent = await sms.send(phone, f"Заказ {order} готов")
    return (await sms.wait_for(sent, timeout=5)).status
