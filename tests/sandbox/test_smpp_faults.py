"""Faults of the platform over SMPP: each lesson that other implementations teach can be had on demand."""

import asyncio
import struct
from dataclasses import replace

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import (
    BadLength,
    Coalesce,
    Duplicate,
    FaultRule,
    Garbage,
    GhostBind,
    GzipBomb,
    Half,
    Latency,
    NoAnswer,
    ProxyPage,
    Reorder,
    Sandbox,
    ServerError,
    Status,
    Temporary,
    Throttle,
    Unbind,
)
from sms_traffic_async.sandbox.effects import Effect, effect_from, effect_to
from tests.sandbox.foreign import Foreign
from tests.sandbox.smpp_kit import (
    RECEIVER,
    RESPONSE,
    SUBMIT,
    TRANSCEIVER,
    TRANSMITTER,
    UNBIND,
    Esme,
    read_string,
    settle,
    submit_body,
    tlv,
)

THROTTLED, SYSTEM_ERROR, QUEUE_FULL = 0x58, 0x08, 0x14
CREDENTIALS = b"sandbox\0sandbox\0\0\x34\0\0\0"


def strike(sandbox: Sandbox, effect: Effect, **rule: object) -> None:
    sandbox.faults.add(FaultRule(effect=effect, protocol="smpp", operation="submit", **rule))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "effect, status",
    [
        (Throttle(), THROTTLED),
        (ServerError(), SYSTEM_ERROR),
        (Temporary(), QUEUE_FULL),
        (Status(status=0x45), 0x45),
        (Status(status=0x14), QUEUE_FULL),
        (Status(status=0x0400), 0x0400),
        (Status(status=0xFFFF_FFFF), 0xFFFF_FFFF),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_statuses(sandbox: Sandbox, effect: Effect, status: int, when: str) -> None:
    """Before acceptance an honest refusal, after it a lie."""
    strike(sandbox, effect_from({**effect_to(effect), "when": when}), times=2)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert [(await esme.submit(b"%d" % one)).status for one in range(3)] == [status, status, 0]
    assert len(sandbox.accepted) == (1 if when == "before" else 3)
    assert [record.operation for record in sandbox.faults.log] == ["submit"] * 2


async def test_throttling_n_messages(sandbox: Sandbox) -> None:
    strike(sandbox, Throttle(), times=7)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        statuses = [(await esme.submit(b"%d" % one)).status for one in range(10)]
    assert statuses == [THROTTLED] * 7 + [0] * 3


async def test_generic_nack(sandbox: Sandbox) -> None:
    strike(sandbox, Status(status=0x03, nack=True), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        sequence = esme.send(SUBMIT, submit_body())
        nack = await esme.next(command=0x8000_0000)
        assert (nack.status, nack.sequence, nack.body) == (3, sequence, b"")
    assert not sandbox.accepted


async def test_parameters_of_a_vendor_in_the_answer(sandbox: Sandbox) -> None:
    strike(sandbox, Status(status=0, tlvs="1400 0003 01FF00"), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        answer = await esme.submit()
        assert (answer.status, answer.body.partition(b"\0")[2]) == (0, tlv(0x1400, b"\1\xff\0"))
        assert read_string(answer.body) == sandbox.accepted[0].message_id


@pytest.mark.parametrize("when", ["before", "after"])
async def test_no_answer(sandbox: Sandbox, when: str) -> None:
    strike(sandbox, NoAnswer(when="after" if when == "after" else "before"), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        esme.send(SUBMIT, submit_body())
        assert (await esme.submit()).status == 0
        await sandbox.advance("1h")
        assert await esme.silent()
    assert len(sandbox.accepted) == (1 if when == "before" else 2)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_late_answer(sandbox: Sandbox, when: str) -> None:
    """Later than the client waits for it, and behind answers to what came later."""
    strike(sandbox, Latency(seconds=45, when="after" if when == "after" else "before"), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        late = esme.send(SUBMIT, submit_body(b"late"))
        assert (await esme.submit(b"prompt")).status == 0
        assert [entry.text for entry in sandbox.accepted] == (["prompt"] if when == "before" else ["late", "prompt"])
        await sandbox.advance(44)
        assert await esme.silent()
        await sandbox.advance(1)
        answer = await esme.next(command=SUBMIT | RESPONSE)
        assert (answer.sequence, answer.status) == (late, 0)
    assert len(sandbox.accepted) == 2


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_answer_whose_link_is_gone(sandbox: Sandbox, when: str) -> None:
    """What was read is processed all the same: only the answer reaches nobody."""
    strike(sandbox, Latency(seconds=10, when="after" if when == "after" else "before"))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.send(SUBMIT, submit_body())
        await settle()
    await sandbox.advance(10)
    assert len(sandbox.accepted) == 1


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_before_and_after_acceptance(sandbox: Sandbox, how: str, when: str) -> None:
    """Also of what stands behind it in the same read, nothing is accepted."""
    effect = effect_from({"kind": "drop", "how": how, "when": when})
    strike(sandbox, effect, nth=2)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        for number in range(5):
            esme.send(SUBMIT, submit_body(b"%d" % number))
        if how == "fin":
            assert (await esme.next(command=SUBMIT | RESPONSE)).status == 0
            assert await esme.ended()
        else:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                while True:
                    await esme.read()
    assert [entry.text for entry in sandbox.accepted] == ["0", "1"][: 1 if when == "before" else 2]
    await settle()
    assert sandbox.smpp.bound == ()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_platform_unbinds(sandbox: Sandbox, when: str) -> None:
    strike(sandbox, Unbind(when="after" if when == "after" else "before"), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.send(SUBMIT, submit_body())
        if when == "after":
            assert (await esme.next(command=SUBMIT | RESPONSE)).status == 0
        request = await esme.next(command=UNBIND)
        esme.send(UNBIND | RESPONSE, sequence=request.sequence)
        assert await esme.ended()
    assert len(sandbox.accepted) == (0 if when == "before" else 1)


async def test_a_garbage_pdu(sandbox: Sandbox) -> None:
    """Whole by its length, and nothing that SMPP knows; the session lives."""
    strike(sandbox, Garbage(), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        sequence = esme.send(SUBMIT, submit_body())
        pdu = await esme.read()
        assert (pdu.command, pdu.sequence) == (0x8000_0FFF, sequence)
        assert (await esme.submit()).status == 0
    assert len(sandbox.accepted) == 2


@pytest.mark.parametrize("length", [0, 7, 15, 0x7FFF_FFFF, 0xFFFF_FFFF])
async def test_a_length_that_cannot_be(sandbox: Sandbox, length: int) -> None:
    strike(sandbox, BadLength(length=length), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.send(SUBMIT, submit_body())
        assert struct.unpack(">I", (await esme.octets(16))[:4]) == (length,)
    assert len(sandbox.accepted) == 1


async def test_a_promise_of_very_much(sandbox: Sandbox) -> None:
    strike(sandbox, GzipBomb(size=1 << 30), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.send(SUBMIT, submit_body())
        assert struct.unpack(">I", (await esme.octets(1016))[:4]) == (1 << 30,)


async def test_half_an_answer(sandbox: Sandbox) -> None:
    strike(sandbox, Half(), nth=1)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.send(SUBMIT, submit_body())
        half = await esme.octets(18)
        assert struct.unpack(">I", half[:4])[0] == 36
        assert await esme.ended()
    assert len(sandbox.accepted) == 1


async def test_a_page_of_some_proxy(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=ProxyPage(), operation="bind", nth=1))
    async with Esme(sandbox) as esme:
        esme.send(TRANSCEIVER, CREDENTIALS)
        assert (await esme.octets(15)) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("coalesced", [False, True])
async def test_a_message_in_one_piece_with_the_answer_to_the_bind(sandbox: Sandbox, coalesced: bool) -> None:
    """smpp34 loses its session over it; the answer still comes first."""
    if coalesced:
        sandbox.faults.add(FaultRule(effect=Coalesce(), operation="bind"))
    pieces: list[bytes] = []

    class Receiver(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.write(struct.pack(">IIII", 16 + len(CREDENTIALS), RECEIVER, 0, 1) + CREDENTIALS)

        def data_received(self, data: bytes) -> None:
            pieces.append(data)

    sandbox.platform.inbound(sender="79161112233", recipient="3299", text="hello")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(Receiver, *sandbox.smpp_address(1, tls=False))
    async with asyncio.timeout(5):
        while b"hello" not in b"".join(pieces):
            await asyncio.sleep(0)
    transport.close()
    await settle()
    lengths = [struct.unpack_from(">I", piece)[0] < len(piece) for piece in pieces]
    assert lengths[0] == coalesced
    assert struct.unpack_from(">I", pieces[0], 4)[0] == RECEIVER | RESPONSE


async def test_by_node_and_by_chance(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_rate=None)
    strike(sandbox, Throttle(), node=2)
    sandbox.faults.add(FaultRule(effect=ServerError(), operation="submit", node=1, probability=0.3), seed=7)
    async with Esme(sandbox) as one, Esme(sandbox, node=2) as two:
        assert await one.bind() == 0
        assert await two.bind() == 0
        assert (await two.submit()).status == THROTTLED
        statuses = [(await one.submit(b"%d" % number)).status for number in range(100)]
    assert set(statuses) == {0, SYSTEM_ERROR}
    assert 15 <= statuses.count(SYSTEM_ERROR) <= 45


async def test_a_dead_node(sandbox: Sandbox) -> None:
    sandbox.faults.profile("dead-node")
    async with Esme(sandbox) as one, Esme(sandbox, node=2) as two:
        one.send(TRANSCEIVER, CREDENTIALS)
        assert await one.ended()
        assert await two.bind() == 0


async def test_over_the_control_api(sandbox: Sandbox) -> None:
    async with Foreign(sandbox) as http, Esme(sandbox) as esme:
        rule = {"effect": {"kind": "status", "status": 20}, "protocol": "smpp", "operation": "submit", "times": 1}
        assert (await http.call("POST", "/_sandbox/faults", json=rule)).status_code == 201
        for wrong in (
            {"kind": "status", "status": 1.5},
            {"kind": "status", "tlvs": "xx"},
            {"kind": "status", "bare": "yes"},
            {"kind": "duplicate", "count": 0},
            {"kind": "reorder", "by": "2"},
        ):
            assert (await http.call("POST", "/_sandbox/faults", json={"effect": wrong})).status_code == 400, wrong
        assert await esme.bind() == 0
        assert [(await esme.submit(b"%d" % one)).status for one in range(2)] == [QUEUE_FULL, 0]


async def test_faults_of_smpp_do_not_touch_http(sandbox: Sandbox) -> None:
    for effect in (Status(), NoAnswer(), Unbind(), BadLength(), Duplicate(), Reorder()):
        sandbox.faults.add(FaultRule(effect=effect))
    async with Foreign(sandbox) as http:
        await http.sent()
    assert not sandbox.faults.log


@pytest.mark.parametrize(
    "make",
    [
        lambda: Status(status=-1), lambda: Status(status=1 << 32), lambda: Status(tlvs="1"),
        lambda: BadLength(length=-1),
        lambda: GhostBind(seconds=-1), lambda: Duplicate(count=101), lambda: Reorder(by=0), lambda: Reorder(seconds=-1),
    ],
)  # fmt: skip
def test_effects_that_cannot_be(make: object) -> None:
    with pytest.raises(ConfigurationError):
        make()  # type: ignore[operator]


def test_an_unusual_yes_comes_after_acceptance() -> None:
    assert Status(status=0).when == "after"
    effect = Status(status=0, tlvs="14000000", nack=True)
    assert effect_from(effect_to(effect)) == effect


async def test_a_client_that_does_not_read_is_not_read(sandbox: Sandbox) -> None:
    """What it is sent does not pile up; its own requests wait in its socket."""
    sandbox.switches = replace(sandbox.switches, smpp_rate=None, antispam=False)
    strike(sandbox, Status(status=0, tlvs="14002710" + "00" * 10_000))
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        for _ in range(3_000):
            esme.send(SUBMIT, submit_body(b"x" * 100, registered=0))
        async with asyncio.timeout(20):
            before = -1
            while before != (before := len(sandbox.accepted)):
                await asyncio.sleep(0.05)
        assert 0 < before < 3_000
        for _ in range(3_000):
            assert (await esme.read()).status == 0
    assert len(sandbox.accepted) == 3_000


async def test_nothing_is_delivered_twice_within_one_link(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_rate=None)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        for number in range(200):
            esme.send(SUBMIT, submit_body(b"%d" % number))
        ids = {read_string((await esme.next(command=SUBMIT | RESPONSE)).body) for _ in range(200)}
        await sandbox.advance(5)
        told = [(await esme.delivered()).tlvs[0x1E] for _ in range(200)]
        assert {read_string(one) for one in told} == ids
        assert await esme.silent()
