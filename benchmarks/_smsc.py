"""The responder of the SMPP benchmarks: ``smsc.c``, compiled on the spot, in a process of its own.

Without a C compiler a bare asyncio responder takes its place; it may then be
the bottleneck, and the results say so.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ("responder",)

SOURCE = Path(__file__).with_name("smsc.c")
_SUBMIT, _RESPONSE = 0x04, 0x80000000


@contextmanager
def responder() -> Iterator[tuple[int, str]]:
    """The port of a running responder, and what it is written in."""
    with tempfile.TemporaryDirectory() as folder:
        compiler = shutil.which("cc") or shutil.which("gcc")
        command, kind = [sys.executable, str(Path(__file__).resolve())], "asyncio"
        if compiler is not None:
            target = str(Path(folder) / "smsc")
            done = subprocess.run([compiler, "-O2", "-o", target, str(SOURCE)], check=False)
            if done.returncode == 0:
                command, kind = [target], "C"
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), kind
        finally:
            process.terminate()
            process.communicate()


class _Responder(asyncio.Protocol):
    def __init__(self, ids: Iterator[int]) -> None:
        self._ids = ids
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at, out = 0, []
        while len(data) - at >= 16:
            length, command, _, sequence = struct.unpack_from(">IIII", data, at)
            if len(data) - at < length:
                break
            at += length
            if command < _RESPONSE:
                body = b"%d\0" % next(self._ids) if command == _SUBMIT else b"smsc\0" if command < 0x0A else b""
                if command == 0x06:
                    body = b""
                out.append(struct.pack(">IIII", 16 + len(body), command | _RESPONSE, 0, sequence) + body)
        self._rest = data[at:]
        self._transport.write(b"".join(out))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    ids = itertools.count(1_046_379_029_789_147_161)
    server = await loop.create_server(lambda: _Responder(ids), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
