"""Calls of a client inside the session's life, and the probing of nodes that are due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sms_traffic_async.errors import RequestFailed, SmsTrafficError
from sms_traffic_async.lifecycle import CallScope, Interrupted, Life, SessionClosed
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.series import Delivery, Request, Series
from sms_traffic_async.telemetry import get_logger

__all__ = ("Scopes",)

R = TypeVar("R", bound=Request)
D = TypeVar("D", bound=Delivery)

_log = get_logger("http")


class Scopes:
    """What every call of an HTTP client is made in.

    Args:
        life: the session's; an attribute, too.
        nodes: tells which node is due for a probe.
        probe: asks a node whether it is alive, and tells ``nodes``.
    """

    def __init__(self, life: Life, *, nodes: NodeSet, probe: Callable[[str], Awaitable[bool]]) -> None:
        self.life = life
        self._nodes = nodes
        self._probe = probe

    def call(self) -> CallScope:
        """The session's own scope, for a call that makes an outcome of ``Interrupted`` and ``SessionClosed`` itself."""
        return self.life.call()

    async def carry(self, series: Series[R, D]) -> Series[R, D]:
        """Send all of a call; what the end of the session interrupts gets its outcomes all the same."""
        try:
            with self.call():
                await series.run()
                self.probe_what_is_due()
        except (Interrupted, SessionClosed):
            series.interrupted()
        return series

    @contextmanager
    def query(self, operation: str) -> Generator[None, None, None]:
        """A call that sends nothing: close waits for it, and interrupts it after the grace time.

        Raises:
            RequestFailed: the session is closed, or was meanwhile.
        """
        closed = False
        try:
            with self.life.call():
                yield
                self.probe_what_is_due()
        except (Interrupted, SessionClosed):
            closed = True
        if closed:
            raise RequestFailed(f"{operation}: the session is closed", operation=operation)

    def probe_what_is_due(self) -> None:
        """An open node gets no messages, so something else has to find out that it is back."""
        node = self._nodes.probe_due()
        if node is not None:
            self.life.spawn(self._probe_quietly(node), f"probe of {node}")

    async def _probe_quietly(self, node: str) -> None:
        answered = False
        with suppress(SmsTrafficError):  # it is nobody's call
            answered = await self._probe(node)
        _log.info("%s %s", node, "answers again" if answered else "still does not answer")
