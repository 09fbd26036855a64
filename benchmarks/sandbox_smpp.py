"""The sandbox under SMPP load: 2,000 messages a second with their receipts, for a minute.

The sandbox runs in a process of its own, the client here: a bare protocol that
sends at an even pace, answers every deliver_sm at once, and counts by message
id. Nothing may be lost or come twice, and what waits must not grow. Memory
grows by the messages themselves, which the platform keeps for seven days (at
most a million): ``bytes_a_message``. ``ratios`` is what was delivered a second
by what was asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Asked, Options, finish, machine, parse_args

ROOT = str(Path(__file__).resolve().parents[1])
RATE = 2_000
SECONDS, QUICK_SECONDS = 60, 6
WINDOW = 200
TICK = 0.01
DRAIN = 30.0
BIND, SUBMIT, DELIVER, RESPONSE = 9, 4, 5, 0x80000000
_HEADER = struct.Struct(">IIII")

SERVER = """
import asyncio, json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from sms_traffic_async.sandbox import Sandbox, Switches

async def main():
    switches = Switches(smpp_rate=None, smpp_window=200, antispam=False)
    async with Sandbox(switches=switches, smpp_tls_ports=None, smtp_port=None) as sandbox:
        sandbox.outcomes.clear()
        print(json.dumps(sandbox.smpp_address(1, tls=False)), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            with open("/proc/self/statm") as file:
                resident = int(file.read().split()[1]) * resource.getpagesize()
            print(json.dumps({
                "accepted": sandbox.accepted.total, "waiting": sandbox.smpp.deliveries.waiting(),
                "delivered": sandbox.smpp.deliveries.counts["receipts delivered"], "mib": resident / 2**20,
                "cpu": time.process_time(), "tasks": len(asyncio.all_tasks()), "findings": sandbox.findings.total,
            }), flush=True)

asyncio.run(main())
"""


class Client(asyncio.Protocol):
    """Sends what it is told to, answers receipts, remembers ids only until their receipt."""

    def __init__(self) -> None:
        self.bound: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._open: dict[int, float] = {}
        self._without_receipt: set[bytes] = set()
        self.sent = self.accepted = self.receipts = self.refused = self.strange = 0
        self.delays: list[float] = []

    @property
    def unanswered(self) -> int:
        """Sent, and not answered yet."""
        return len(self._open)

    @property
    def without_receipt(self) -> int:
        """Accepted, and their receipt has not come yet."""
        return len(self._without_receipt)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        credentials = b"sandbox\0sandbox\0\0\x34\0\0\0"
        transport.write(_HEADER.pack(16 + len(credentials), BIND, 0, 1) + credentials)

    async def settled(self) -> None:
        """Return when every message has its answer and its receipt."""
        while self._open or self._without_receipt:  # noqa: ASYNC110 - looked at from outside of the hot path
            await asyncio.sleep(TICK)

    def submit(self, count: int) -> None:
        """Write so many submit_sms in one piece."""
        assert self._transport is not None
        now = time.perf_counter()
        text = "Ваш код 1234".encode("utf-16-be")
        out: list[bytes] = []
        for _ in range(min(count, WINDOW - len(self._open))):
            self.sent += 1
            number = b"%011d" % (79_160_000_000 + self.sent % 1_000_000)
            body = b"\0\5\0SMSTraffic\0\1\1%b\0\0\0\0\0\0\1\0\x08\0%c%b" % (number, len(text), text)
            self._open[self.sent + 1] = now
            out.append(_HEADER.pack(16 + len(body), SUBMIT, 0, self.sent + 1) + body)
        self._transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        """Answer and count."""
        assert self._transport is not None
        data = self._rest + data
        at = 0
        out: list[bytes] = []
        while len(data) - at >= 16:
            length, command, status, sequence = _HEADER.unpack_from(data, at)
            if len(data) - at < length:
                break
            self._take(command, status, sequence, data[at + 16 : at + length], out)
            at += length
        self._rest = data[at:]
        if out:
            self._transport.write(b"".join(out))

    def _take(self, command: int, status: int, sequence: int, body: bytes, out: list[bytes]) -> None:
        if command == SUBMIT | RESPONSE:
            self.delays.append(time.perf_counter() - self._open.pop(sequence))
            if status:
                self.refused += 1
            else:
                self.accepted += 1
                self._without_receipt.add(body[:-1])
        elif command == DELIVER:
            out.append(_HEADER.pack(17, DELIVER | RESPONSE, 0, sequence) + b"\0")
            message_id = body.partition(b"id:")[2].partition(b" ")[0]
            if message_id in self._without_receipt and b"stat:DELIVRD" in body:
                self._without_receipt.discard(message_id)
                self.receipts += 1
            else:
                self.strange += 1  # a second one, or one that nobody waits for
        elif command == BIND | RESPONSE:
            self.bound.set_result(None)


async def ask(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """How the sandbox stands."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    answer: dict[str, Any] = json.loads(await process.stdout.readline())
    return answer


async def send_evenly(
    client: Client, seconds: float, process: asyncio.subprocess.Process, options: Options
) -> list[dict[str, Any]]:
    """Send at `RATE`; what the sandbox said of itself in between."""
    readings: list[dict[str, Any]] = []
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        due = int(elapsed * RATE) - client.sent
        if due > 0:
            client.submit(due)
        if elapsed >= len(readings) * seconds / 6:
            readings.append(reading := await ask(process) | {"at": elapsed, "open": client.without_receipt})
            options.say(
                f"{elapsed:5.1f} s  accepted {reading['accepted']:>7}  receipts {client.receipts:>7}  "
                f"without one yet {reading['open']:>5}  waiting in the sandbox {reading['waiting']:>4}  "
                f"{reading['mib']:6.1f} MiB  {reading['tasks']} tasks"
            )
        await asyncio.sleep(TICK)
    return readings


async def run(options: Options) -> dict[str, Any]:
    """One run."""
    seconds = QUICK_SECONDS if options.quick else SECONDS
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    host, port = json.loads(await process.stdout.readline())
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(Client, host, port)
    await client.bound
    before, load = await ask(process), os.getloadavg()[0]
    started = time.perf_counter()
    readings = await send_evenly(client, seconds, process, options)
    sending = time.perf_counter() - started
    await asyncio.wait_for(client.settled(), DRAIN)
    whole = time.perf_counter() - started
    after = await ask(process)
    transport.close()
    process.stdin.close()  # type: ignore[union-attr] # it is a pipe
    await process.wait()
    delays = sorted(client.delays)
    return {
        "seconds": round(sending, 2),
        "drained_after": round(whole - sending, 3),
        "submitted": client.sent,
        "accepted": after["accepted"],
        "receipts": client.receipts,
        "refused": client.refused,
        "twice_or_strange": client.strange,
        "waiting_at_the_end": after["waiting"],
        "most_without_receipt": max(one["open"] for one in readings),
        "response_ms": [round(delays[int(len(delays) * share)] * 1e3, 2) for share in (0.5, 0.99)],
        "bytes_a_message": round((after["mib"] - before["mib"]) * 2**20 / client.sent),
        "sandbox_us_cpu_a_message": round((after["cpu"] - before["cpu"]) / client.sent * 1e6),
        "mib": [round(one["mib"], 1) for one in [before, *readings, after]],
        "tasks": [before["tasks"], after["tasks"]],
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def main() -> None:
    options = parse_args(__doc__)
    options.say(machine())
    found = asyncio.run(run(options))
    for name, value in found.items():
        options.say(f"{name:26} {value}")
    assert found["accepted"] == found["receipts"] == found["submitted"], "lost"
    assert not found["refused"]
    assert not found["twice_or_strange"]
    assert not found["waiting_at_the_end"]
    amiss = found["submitted"] - found["receipts"] + found["refused"] + found["twice_or_strange"]
    lost = Asked(figure="lost, refused or twice", measured=amiss, at_most=0)
    achieved = found["receipts"] / found["seconds"]
    finish("sandbox_smpp", {f"of {RATE}/s": achieved / RATE}, found, asked=[lost])


if __name__ == "__main__":
    main()
