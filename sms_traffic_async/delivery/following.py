"""Waiting for a message's end, whatever number of ids it has."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from sms_traffic_async.delivery.folding import fold, whole
from sms_traffic_async.delivery.polling import StatusPoller
from sms_traffic_async.errors import DeadlineExceeded
from sms_traffic_async.messages import StatusUpdate

__all__ = ("follow",)


async def follow(poller: StatusPoller, ids: Sequence[str], seconds: float) -> StatusUpdate:
    """Wait until every part has a final status.

    Args:
        poller: who asks.
        ids: of the parts, at least one.
        seconds: how long.

    Returns:
        One update for the message; see ``folding``.

    Raises:
        DeadlineExceeded: not in time; ``last`` is what is known by then.

    Cancellation: harmless.
    """
    with ExitStack() as stack:
        parts = [stack.enter_context(poller.watch(one)) for one in ids]
        try:
            async with asyncio.timeout(seconds):
                finals = [await part.final() for part in parts]
        except TimeoutError:
            last = fold([part.last for part in parts if part.last is not None])
        else:
            return whole(finals)
    raise DeadlineExceeded(f"no final status within {seconds:g} s", last=last)
