"""``sms-traffic balance``."""

from __future__ import annotations

from sms_traffic_async.cli.connect import Carrier
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.messages import Balance
from sms_traffic_async.session import SmsTraffic

NAME = "balance"
__all__ = ("NAME", "command")


async def command(*, connect: Carrier | None = None) -> int:
    """Print the account's balance."""
    options = connect or Carrier()
    output = Output(json=options.json)
    async with options.session() as sms:
        balance = await _ask(sms, options)
    output.records([{"balance": balance.amount, "node": balance.node}], ("balance", "node"))
    return Exit.DONE


async def _ask(sms: SmsTraffic, options: Carrier) -> Balance:
    match options.protocol(sms):
        case "v2":
            return await sms.v2.balance()
        case "v1":
            return await sms.v1.balance()
        case "soap":
            return await sms.soap.balance()
