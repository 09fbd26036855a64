"""``sms-traffic balance``."""

from __future__ import annotations

from sms_traffic_async.cli.connect import Connect
from sms_traffic_async.cli.output import Exit, Output

NAME = "balance"
__all__ = ("NAME", "command")


async def command(*, connect: Connect | None = None) -> int:
    """Print the account's balance."""
    options = connect or Connect()
    output = Output(json=options.json)
    async with options.session() as sms:
        balance = await sms.balance()
    output.records([{"balance": balance.amount, "node": balance.node}], ("balance", "node"))
    return Exit.DONE
