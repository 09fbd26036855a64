"""One bind that is to stand, whatever happens: the task that connects, binds, falls back and says goodbye.

1. A line has one link that serves, and for a while a second one: on the better
   server until that has proved itself, on the other server while the first is
   silent, as a transceiver while the first is only a transmitter.
2. Tries follow each other; between them it sleeps until a door opens or
   something happens to a link.
3. It reads the doors and the links anew at every turn; there is no state in
   where it stands.
4. Cancelled, it unbinds and reads on until that is answered, bounded; cancelled
   again, it aborts.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

from sms_traffic_async.protocols.smpp.doors import SOON, Door, Kind, Trouble, best_of, is_troubled, superfluous
from sms_traffic_async.protocols.smpp.events import Bound, Ended, EndReason
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.telemetry import get_logger

if TYPE_CHECKING:
    from sms_traffic_async.protocols.smpp.transceiver import Transceiver

__all__ = ("Line", "Step")

_NEVER: Final = float("inf")
_log = get_logger("smpp")
_RANK: Final = {BindMode.TRANSCEIVER: 0, BindMode.TRANSMITTER: 1, BindMode.RECEIVER: 1}


class Step(NamedTuple):
    """What to try next."""

    door: Door
    mode: BindMode


class Line:
    """One bind of a transceiver. Made for one use.

    Args:
        name: for logs and stats.
        modes: what it binds as, the preferred first.
        doors: the servers, the preferred first.
        hub: the transceiver.
        is_main: it also opens links to servers that a message may go to only.

    Attributes:
        links: binding, bound or leaving.
        serving: the link that new messages go to.
        stopped: login or password were refused: nothing is tried any more.
    """

    def __init__(
        self, name: str, modes: tuple[BindMode, ...], doors: tuple[Door, ...], hub: Transceiver, *, is_main: bool
    ) -> None:
        self.name = name
        self.modes = modes
        self.doors = doors
        self.links: list[Link] = []
        self.serving: Link | None = None
        self.stopped: bool = False
        self._hub = hub
        self._is_main = is_main
        self._woken = asyncio.Event()

    # --- the task

    async def run(self) -> None:
        """Stand until cancelled."""
        try:
            while True:
                self._woken.clear()
                step = self.next_step(self._hub.time())
                if isinstance(step, Step):
                    await self._try(step)
                else:
                    await self._sleep_until(step)
                    self._hub.refresh(self._hub.time())
        except asyncio.CancelledError:
            await self._goodbye()
            raise
        finally:
            for link in tuple(self.links):
                link.abort()

    def wake(self) -> None:
        """Something happened to a link, or a server is wanted."""
        self._woken.set()

    def next_step(self, now: float) -> Step | float:
        """What to try now, or until when to sleep."""
        if self.stopped:
            return _NEVER
        best, wake = self.serving, _NEVER
        for step in self._candidates(best, now):
            at = step.door.ready_at(step.mode)
            if at <= now + SOON:
                return step
            wake = min(wake, at)
        moments = [link.healthy_since + self._hub.options.stable_after for link in self.links if link.bound]
        return min([wake, *(at for at in moments if at > now + SOON)])

    def _candidates(self, best: Link | None, now: float) -> list[Step]:
        """Every bind that would be an improvement, the best first."""
        held = {link.server for link in self.links if not link.leaving}
        steps: list[Step] = []
        troubled = best is not None and is_troubled(best, now)
        for mode in self.modes:
            for rank, door in enumerate(self.doors):
                name = door.address.name
                if best is not None and troubled and name == best.server:
                    continue
                if best is not None and not troubled and (_RANK[mode], rank) >= (_RANK[best.mode], best.rank):
                    continue
                if any(link.server == name and _RANK[link.mode] <= _RANK[mode] for link in self.links if link.bound):
                    continue
                steps.append(Step(door, mode))
        if self._is_main and best is not None:
            lacking = self._hub.wanted - held
            steps += [Step(door, self.modes[-1]) for door in self.doors if door.address.name in lacking]
        return steps

    async def _sleep_until(self, moment: float) -> None:
        try:
            async with asyncio.timeout_at(None if moment == _NEVER else moment):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _try(self, step: Step) -> None:
        hub, door = self._hub, step.door
        link = hub.new_link(door, self.doors.index(door))
        trouble = await self._connect(link, door, step.mode)
        now, chance = hub.time(), hub.chance()
        if trouble is None:
            door.entered()
            _log.info("%s: bound to %s as %s", self.name, link.server, link.mode.value)
        else:
            self._forget(link)
            link.abort()
            door.refused(trouble, now, chance)
            _log.warning("%s: %s", self.name, trouble.sentence)
            if trouble.kind is Kind.REFUSED:
                self.stopped = True
        hub.judge(trouble, now)

    async def _connect(self, link: Link, door: Door, mode: BindMode) -> Trouble | None:
        """Connect and bind; why not, if not."""
        hub, address = self._hub, door.address
        done = False
        try:
            context = await hub.tls() if address.tls else None
            try:
                async with asyncio.timeout(hub.options.connect_timeout):
                    await asyncio.get_running_loop().create_connection(
                        lambda: link,
                        address.host,
                        address.port,
                        ssl=context,
                        server_hostname=address.host if context is not None else None,
                    )
            except (OSError, UnicodeError, ssl.CertificateError) as error:
                done = True
                return Trouble.of_error(address.name, error)
            self.links.append(link)
            link.bind(hub.bind_request(mode))
            answer = await link.answered
            done = True
        finally:
            if not done:
                self._forget(link)
                link.abort()
        if isinstance(answer, Bound):
            return None
        if isinstance(answer, Ended):
            return Trouble.of_end(address.name, answer)
        return Trouble.of_status(address.name, answer.command_status)

    async def _goodbye(self) -> None:
        """Unbind, and read on until that is answered."""
        links = [link for link in self.links if not link.closed.done()]
        self._hub.going()
        for link in links:
            link.leave(at_once=True)
        if links:
            await asyncio.wait([link.closed for link in links], timeout=2 * self._hub.options.unbind_timeout)

    # --- links

    def settle(self, now: float) -> None:
        """Choose the link that serves, and let go of those that are not needed."""
        stable_after = self._hub.options.stable_after
        live = [link for link in self.links if link.bound and not link.leaving]
        best = best_of(live, self.serving, now, stable_after=stable_after)
        self.serving = best
        for link in live:
            active = link is best and link.mode.submits and not is_troubled(link, now)
            if link.active and not active:
                self._hub.release(link)
            link.active = active
            if best is not None and superfluous(link, best, now, stable_after=stable_after):
                if self._hub.needs(link):
                    continue
                _log.info("%s: leaving %s", self.name, link.server)
                link.leave()

    def lost(self, link: Link, now: float, chance: float) -> None:
        """A link of this line is over."""
        self._forget(link)
        end = link.end
        if end is None or not link.bound_at or end.reason is EndReason.UNBOUND:
            return
        door = next(door for door in self.doors if door.address.name == link.server)
        trouble = Trouble.of_end(link.server, end)
        door.lost(trouble, link.bound_at, now, chance)
        _log.warning("%s: the link to %s is over: %s", self.name, link.server, end.reason.value)

    def _forget(self, link: Link) -> None:
        if link in self.links:
            self.links.remove(link)
        if self.serving is link:
            self.serving = None
