"""What may still happen by itself while an event loop sees nothing to do.

The virtual loop asks before its clock jumps: does another thread work, and does
the kernel hold bytes back that this process has written?
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Collection
from pathlib import Path

__all__ = ("Threads", "Wires")

_SOFTNET = Path("/proc/net/softnet_stat")


class Threads:
    """Which other threads of this process are at work, as far as can be seen from outside."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def look(self) -> None:
        """A first look: who has moved on since is told by ``at_work``."""
        me = threading.get_ident()
        self._seen = {
            ident: (id(frame), frame.f_lasti) for ident, frame in sys._current_frames().items() if ident != me
        }

    def at_work(self) -> bool:
        """Whether any other thread ran since the last look, or runs now, or waits for the disk.

        A thread that only waits for the GIL looks asleep to the kernel, but it
        moves on in its code as soon as the GIL is free, as it is between two looks.
        """
        if threading.active_count() <= 1:
            return False
        before, me = self._seen, threading.get_ident()
        self.look()
        return self._seen != before or any(
            _runs(thread.native_id)
            for thread in threading.enumerate()
            if thread.ident != me and thread.native_id is not None
        )


def _runs(native_id: int) -> bool:
    try:
        file = os.open(f"/proc/self/task/{native_id}/stat", os.O_RDONLY)
    except OSError:  # ended meanwhile, a system without /proc, or no descriptor left to look with
        return False
    try:
        status = os.read(file, 512)
    except OSError:  # ended meanwhile
        return False
    finally:
        os.close(file)
    return status.rpartition(b") ")[2][:1] in {b"R", b"D"}


class Wires:
    """TCP sockets of a loop that the kernel is not done with.

    Bytes that were written and not sent yet wait for a delayed acknowledgement
    (Nagle's algorithm, 40 real ms) or for the peer's window; a writer that found
    its buffer full waits for an acknowledgement, too. On loopback both are soon
    over, or last for ever because the peer does not read. So what was waited
    for once, and did not move, is not waited for again.
    """

    __slots__ = ("_given_up", "_sockets", "_softnet")

    def __init__(self) -> None:
        # A path that is not there is a system that cannot be asked.
        self._softnet = _SOFTNET.open("rb", buffering=0) if _SOFTNET.exists() else None
        self._sockets: set[int] = set()
        self._given_up: dict[int, int] = {}

    def add(self, fd: int) -> None:
        """Watch a socket from now on, and switch Nagle's algorithm off on it.

        asyncio does so too, but not for sockets that were made with ``proto=0``.
        A listening socket hands the option on to those it accepts.
        """
        try:
            sock = socket.socket(fileno=fd)
        except OSError:  # a pipe
            return
        try:
            if sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.add(fd)
        except OSError:  # closed by its peer already
            pass
        finally:
            sock.detach()

    def held(self, writers: Collection[int]) -> dict[int, int]:
        """Bytes that are stuck, by file descriptor, except those that were given up.

        Args:
            writers: descriptors whose owner waits to write.
        """
        held: dict[int, int] = {}
        for fd in tuple(self._sockets):
            stuck = _stuck(fd, writes=fd in writers)
            if stuck is None:
                self._sockets.discard(fd)
            elif stuck == 0:
                self._given_up.pop(fd, None)
            elif self._given_up.get(fd) != stuck:
                held[fd] = stuck
        return held

    def travelling(self) -> bool:
        """Whether packets of this machine lie between two sockets.

        Linux delivers loopback bytes inside ``send()``, before it returns (0 of
        1,100,000 were seen late), unless the softirq that does it was put off to
        a thread of its own, which has to wait for a processor.
        """
        if self._softnet is None:
            return False
        self._softnet.seek(0)
        # A line for each processor, in hex; the 12th number (since Linux 5.10) is its backlog.
        return any(int(field, 16) for line in self._softnet.read().splitlines() for field in line.split()[11:12])

    def close(self) -> None:
        """Give the file back."""
        if self._softnet is not None:
            self._softnet.close()

    def give_up(self, held: dict[int, int]) -> None:
        """Do not name these again before they change."""
        self._given_up |= held


if sys.platform == "linux":
    import fcntl

    # linux/sockios.h: bytes of the send queue that were not sent, and that were not acknowledged
    _SIOCOUTQNSD = 0x894B
    _SIOCOUTQ = 0x5411

    def _stuck(fd: int, *, writes: bool) -> int | None:
        """None: no TCP socket (any more)."""
        try:
            return int.from_bytes(fcntl.ioctl(fd, _SIOCOUTQ if writes else _SIOCOUTQNSD, bytes(4)), sys.byteorder)
        except OSError:
            return None

else:

    def _stuck(_fd: int, *, writes: bool) -> int | None:
        return None
