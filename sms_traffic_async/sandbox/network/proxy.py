"""A TCP proxy in front of one port that does to bytes what networks do."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections import deque
from types import TracebackType
from typing import Self, final

from sms_traffic_async.sandbox.network.faults import How, Refuse, Unreachable
from sms_traffic_async.sandbox.network.link import Connection, Link
from sms_traffic_async.sandbox.network.port import Port
from sms_traffic_async.sandbox.network.rules import Injection, Rule, Rules

__all__ = ("FaultProxy",)

CLOSE_SECONDS = 5.0


@final
class FaultProxy:
    """Stands between a client and one port, and injects network faults by rule.

    It works on bytes, so it fits every protocol, with or without TLS::

        async with await FaultProxy.start("127.0.0.1", sandbox_port) as proxy:
            proxy.rules.add(Cut(after=120, how="rst"), times=1)
            ...  # talk to 127.0.0.1:proxy.port
            print(proxy.log)

    Without rules it forwards everything, half-closes and resets included. Time
    comes from the running loop only, chance from ``seed`` only.

    Args:
        target_host: the address of the port that is shielded; an IP address
            spares a look-up for each connection.
        target_port: its number.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        seed: of everything that is drawn: which connections, jitter, garbage.
        log_size: how many injections, and how many ended connections, are kept.
        max_connections: open at a time; the next ones wait in the accept queue.

    Attributes:
        target: where new connections go; may be changed.
        rules: what happens to connections.
        log: what was injected, on which connection, at which byte; newest last.
    """

    def __init__(
        self,
        target_host: str,
        target_port: int,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        log_size: int = 1000,
        max_connections: int = 1000,
    ) -> None:
        self.target: tuple[str, int] = (target_host, target_port)
        self.rules: Rules = Rules(seed=seed, added=self._rule_added, removed=self._rule_removed)
        self.log: deque[Injection] = deque(maxlen=log_size)
        self._address = (host, port)
        self._seed = seed
        self._max_connections = max_connections
        self._port: Port | None = None
        self._opened = 0
        self._links: dict[asyncio.Task[None], Link] = {}
        self._ended: deque[Connection] = deque(maxlen=log_size)
        self._crashes: deque[BaseException] = deque(maxlen=10)

    @classmethod
    async def start(
        cls,
        target_host: str,
        target_port: int,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        log_size: int = 1000,
        max_connections: int = 1000,
    ) -> Self:
        """Make one and listen. See the class for the arguments.

        Raises:
            OSError: the port cannot be bound.
        """
        proxy = cls(
            target_host,
            target_port,
            host=host,
            port=port,
            seed=seed,
            log_size=log_size,
            max_connections=max_connections,
        )
        return await proxy.__aenter__()

    @property
    def host(self) -> str:
        """The address listened on."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port listened on; it stays the same while it refuses, and after."""
        return self._address[1]

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection, oldest first; of the ended ones the last ``log_size``."""
        return (*self._ended, *sorted((link.view() for link in self._links.values()), key=lambda each: each.number))

    async def drop_all(self, how: How = "rst") -> int:
        """End every open connection now, as if the network did; the port stays as it is.

        Args:
            how: what both ends see. ``rst`` loses bytes in flight.

        Returns:
            How many there were.

        Cancellation: they end all the same.
        """
        open_now = dict(self._links)
        for link in open_now.values():
            link.end(how, "dropped")
        if open_now:
            await asyncio.wait(open_now, timeout=CLOSE_SECONDS)
        return len(open_now)

    async def aclose(self) -> None:
        """Stop listening and close every connection. Safe to call again.

        Raises:
            ExceptionGroup: faults of the proxy itself, which its tests want to see.

        Cancellation: everything is closed all the same.
        """
        if self._port is not None:
            self._port.close()
            self._port = None
        for task in self._links:
            task.cancel()
        if self._links:
            await asyncio.wait(tuple(self._links), timeout=CLOSE_SECONDS)
        crashes = [crash for crash in self._crashes if isinstance(crash, Exception)]
        self._crashes.clear()
        if crashes:
            raise ExceptionGroup("connections of the fault proxy failed", crashes)

    async def __aenter__(self) -> Self:
        if self._port is None:
            self._port = Port(*self._address, self._accepted)
            self._address = self._port.address
            self._set_port()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _rule_added(self, rule: Rule, live: bool) -> None:
        if isinstance(rule.fault, Refuse | Unreachable):
            self._set_port()
        elif live:
            for link in self._links.values():
                link.attach(rule, rule.fault)

    def _rule_removed(self, rule: Rule) -> None:
        if isinstance(rule.fault, Refuse | Unreachable):
            self._set_port()
        for link in self._links.values():
            link.detach(rule)

    def _set_port(self) -> None:
        """Bring the port into the state its rules ask for; refusing outweighs silence."""
        port = self._port
        if port is None:
            return
        faults = [rule.fault for rule in self.rules if isinstance(rule.fault, Refuse | Unreachable)]
        refuse = next((fault for fault in faults if isinstance(fault, Refuse)), None)
        before = port.state
        if refuse is not None:
            port.refuse()
        elif faults:
            port.silence()
        else:
            port.open()
            if len(self._links) >= self._max_connections:
                port.pause()
        if faults and port.state != before:
            self._note(
                Injection(
                    connection=0,
                    fault=refuse or faults[0],
                    direction=None,
                    offset=0,
                    at=asyncio.get_running_loop().time(),
                )
            )

    def _accepted(self, client: socket.socket) -> None:
        self._opened += 1
        link = Link(self._opened, client, self.target, seed=self._seed, note=self._note)
        for rule, fault in self.rules.for_next_connection():
            link.attach(rule, fault)
        task = asyncio.get_running_loop().create_task(
            link.run(),
            name=f"fault proxy {self.port}, connection {link.number}",
            # Whatever the caller has in its context variables is none of a connection's business.
            context=contextvars.Context(),
        )
        self._links[task] = link
        task.add_done_callback(self._finished)
        if len(self._links) >= self._max_connections and self._port is not None:
            self._port.pause()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._ended.append(self._links.pop(task).view())
        if not task.cancelled() and (crash := task.exception()) is not None:
            self._crashes.append(crash)
        if self._port is not None and self._port.state == "paused":
            self._set_port()

    def _note(self, injection: Injection) -> None:
        self.log.append(injection)
