"""Getting in and staying in: binds, failover, fallback, refusals, TLS, and the orderly end."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InsufficientFunds,
    NotSent,
    OutcomeUnknown,
    TlsError,
)
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.smpp.failures import UntrustedServer
from sms_traffic_async.protocols.smpp.pdu import DeliverSm
from sms_traffic_async.protocols.smpp.transceiver import Transceiver
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.settings_smpp import SmppOptions
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.smpp.kit import LONG, MESSAGE, TO, Client, client, dead_port, outcome, until
from tests.support.certificates import client_context, server_context
from tests.support.exposure import shown
from tests.support.smpp_peer import Reply, Smsc
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STATUS = CommandStatus
TRX, TX, RX = BindMode.TRANSCEIVER, BindMode.TRANSMITTER, BindMode.RECEIVER


def modes(smsc: Smsc) -> list[BindMode]:
    return [peer.mode for peer in smsc.bound if peer.mode is not None]


# --- binds


@pytest.mark.parametrize(
    "bind,expected",
    [("auto", [TRX]), ("transceiver", [TRX]), ("transmitter", [TX]), ("split", [TX, RX])],
)
async def test_bind_modes(bind: Any, expected: list[BindMode]) -> None:
    async with Smsc() as smsc, client(smsc, bind=bind) as one:
        await one.smpp.submit(MESSAGE)
        await asyncio.sleep(1)
        assert sorted(mode.value for mode in modes(smsc)) == sorted(mode.value for mode in expected)


async def test_transmitters_are_spread_over_the_servers_and_all_are_used() -> None:
    async with Smsc() as first, Smsc() as second, client([first, second], transmitters=3, window=2) as one:
        assert await one.hub.ready(5)
        await asyncio.sleep(1)
        assert sorted(map(len, (first.bound, second.bound))) == [2, 2]
        await asyncio.gather(*(one.smpp.submit(MESSAGE) for _ in range(40)))
        used = {id(submit.peer) for submit in first.accepted + second.accepted}
        assert len(used) == 4


async def test_the_taken_slot_the_other_servers_slot_then_a_transmitter_then_the_upgrade() -> None:
    """docs/reliability.md, row 22: never treated as bound, tried again every 5 to 10 s."""
    async with Smsc(slots=0) as first, Smsc(slots=0) as second, client([first, second]) as one:
        assert (await one.smpp.submit(MESSAGE)).node == first.name
        assert (modes(first), modes(second)) == ([TX], [])
        refused = [peer for smsc in (first, second) for peer in smsc.peers if peer.mode is None]
        assert len(refused) == 2
        second.slots = 1
        began = first.now()
        await until(lambda: modes(second) == [TRX] and not first.bound)
        assert 4 <= first.now() - began <= 11
        assert (await one.smpp.submit(MESSAGE)).node == second.name
        first.slots = 1
        began = first.now()
        await until(lambda: modes(first) == [TRX] and not second.bound, 200)
        assert 30 <= first.now() - began <= 45
        assert (await one.smpp.submit(MESSAGE)).node == first.name
    assert one.smpp.stats().reconnects == 0


async def test_a_transceiver_only_waits_for_its_slot_and_says_why() -> None:
    async with Smsc(slots=0) as smsc, client(smsc, bind="transceiver") as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=12))
        assert type(error) is NotSent
        assert (error.reason, error.code) == ("unreachable", 5)
        assert 2 <= len(smsc.peers) <= 4
        smsc.slots = 1
        assert type(await outcome(one.smpp.submit(MESSAGE, timeout=20))) is Submission


async def test_no_money_pauses_and_says_so_and_probes_every_minute() -> None:
    broke = True
    async with Smsc(bind_answer=lambda _: STATUS.ESME_RBINDFAIL if broke else 0) as smsc, client([smsc]) as one:
        began = smsc.now()
        waiting = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE))) for _ in range(3)]
        errors = await asyncio.gather(*waiting)
        errors.append(await outcome(one.smpp.submit(MESSAGE)))
        assert [type(error) for error in errors] == [InsufficientFunds] * 4
        assert "nothing was sent" in str(errors[0])
        assert smsc.now() - began < 5
        await asyncio.sleep(170)
        assert len(smsc.peers) == 3
        broke = False
        await asyncio.sleep(70)
        assert (await one.smpp.submit(MESSAGE)).message_ids == ("id1",)


async def test_no_money_is_no_reason_to_fail_over() -> None:
    async with (
        Smsc(bind_answer=lambda _: STATUS.ESME_RBINDFAIL) as first,
        Smsc() as second,
        client([first, second]) as one,
    ):
        assert type(await outcome(one.smpp.submit(MESSAGE))) is InsufficientFunds
        await asyncio.sleep(50)
        assert not second.peers


@pytest.mark.parametrize("status", [STATUS.ESME_RINVPASWD, STATUS.ESME_RINVSYSID])
async def test_a_refused_login_is_never_tried_again(status: int) -> None:
    async with Smsc(bind_answer=lambda _: status) as smsc, Smsc() as other, client([smsc, other]) as one:
        errors = [await outcome(one.smpp.submit(MESSAGE)) for _ in range(3)]
        assert [(type(error), error.code) for error in errors] == [(AuthenticationFailed, status)] * 3
        assert "This session does not try them again" in str(errors[0])
        await asyncio.sleep(3600)
        assert len(smsc.peers) == 1
        assert not other.peers
        with pytest.raises(AuthenticationFailed):
            await one.hub.ready(1)


@pytest.mark.parametrize("status", [STATUS.ESME_RTHROTTLED, STATUS.ESME_RSYSERR, 0x401])
async def test_other_refusals_back_off_and_grow(status: int) -> None:
    async with Smsc(bind_answer=lambda _: status) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=300))
        assert (type(error), error.reason, error.code) == (NotSent, "unreachable", status)
        assert 10 < len(smsc.peers) < 60


async def test_a_header_only_refusal_and_a_bind_without_answer() -> None:
    """what aiosmpplib 0.7.4 gets wrong, 24: the real status; and a server that says nothing is left for the other."""
    async with Smsc(bind_answer=lambda _: None) as first, Smsc() as second, client([first, second]) as one:
        sent = await one.smpp.submit(MESSAGE)
        assert sent.node == second.name


async def test_the_message_that_comes_with_the_bind_response() -> None:
    """smpp34 1.4.0: PDUs in one segment with the bind response."""
    taken: list[Any] = []
    mo = DeliverSm(source_addr="79160000000", destination_addr="1234", short_message=b"Hello")
    async with Smsc(with_bind=mo) as smsc, client(smsc) as one:

        def took(message: Any, ack: Any) -> bool:
            taken.append(message)
            ack()
            return True

        one.hub.receiving.inbound = took
        await one.smpp.submit(MESSAGE)
        await until(lambda: smsc.peers[0].answers)
    assert [message.text for message in taken] == ["Hello"]
    assert smsc.peers[0].answers[0].response.command_status == 0


async def test_a_message_that_comes_again_over_the_next_link() -> None:
    """Its acknowledgement was lost with the link: the application hears of it once, the platform is told twice."""
    got: list[str] = []

    def took(message: Any, ack: Any) -> bool:
        got.append(message.text)
        ack()
        return True

    mo = DeliverSm(source_addr="79160000000", destination_addr="1234", short_message=b"Hello")
    async with Smsc(with_bind=mo) as smsc, client(smsc) as one:
        one.hub.receiving.inbound = took
        await one.smpp.submit(MESSAGE)
        await until(lambda: smsc.peers[0].answers)
        smsc.peers[0].cut()
        await until(lambda: len(smsc.peers) == 2 and smsc.peers[1].answers)
    assert got == ["Hello"]
    assert smsc.peers[1].answers[0].response.command_status == 0


async def test_nobody_listens() -> None:
    mo = DeliverSm(source_addr="79160000000", destination_addr="1234", short_message=b"Hello")
    async with Smsc(with_bind=mo) as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        await until(lambda: smsc.peers[0].answers)
    assert smsc.peers[0].answers[0].response.command_status == STATUS.ESME_RX_T_APPN


# --- failover


async def test_an_unreachable_server_is_passed_over_at_once_and_comes_back_later() -> None:
    async with Smsc() as first, Smsc() as second:
        await first.close()
        async with client([first, second]) as one:
            began = second.now()
            assert (await one.smpp.submit(MESSAGE)).node == second.name
            assert second.now() - began < 1
            await first.listen()
            await until(lambda: first.bound, 60)
            assert (await one.smpp.submit(MESSAGE)).node == second.name
            await asyncio.sleep(31)
            assert (await one.smpp.submit(MESSAGE)).node == first.name
            await until(lambda: not second.bound)


async def test_nobody_is_there() -> None:
    async with client(dead_port()) as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=5))
        assert (type(error), error.reason, error.retryable) == (NotSent, "unreachable", True)
        assert "nothing was sent" in str(error)
        assert error.__cause__ is not None


async def test_a_lost_link_goes_to_the_other_server() -> None:
    over: list[str] = []
    async with Smsc() as first, Smsc() as second, client([first, second]) as one:
        lost = one.hub.receiving.lost

        def noted(link: Any, now: float) -> None:
            over.append(link.server)
            lost(link, now)

        one.hub.receiving.lost = noted  # type: ignore[method-assign] # that it is told
        await one.smpp.submit(MESSAGE)
        first.peers[0].cut()
        await asyncio.sleep(0.01)
        assert (await one.smpp.submit(MESSAGE)).node == second.name
        assert one.smpp.stats().reconnects == 1
        assert over == [first.name]


async def test_back_off_grows_until_a_link_was_stable() -> None:
    """Lesson 9: a bind that is accepted and cut at once is not a success."""

    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        for _ in range(8):
            await until(lambda: smsc.bound)
            smsc.bound[0].cut()
            await asyncio.sleep(0.02)
        door = one.hub._doors[0]
        assert door._failures > 5.9
        await until(lambda: smsc.bound)
        await asyncio.sleep(31)
        smsc.bound[0].cut()
        await asyncio.sleep(0.02)
        assert door._failures == 1


async def test_the_peer_unbinds() -> None:
    """docs/reliability.md, row 26: outstanding answers are read, everything else goes to the other server."""
    async with Smsc(answer=lambda _: None) as first, Smsc() as second, client([first, second], window=2) as one:
        tasks = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(5)]
        await until(lambda: len(first.submits) == 2)
        first.peers[0].unbind()
        await asyncio.sleep(1)
        first.answer_all()
        sent = await asyncio.gather(*tasks)
    assert sorted(one.node for one in sent) == sorted([first.name] * 2 + [second.name] * 3)


async def test_a_silent_server_new_messages_go_elsewhere_and_what_it_has_stays() -> None:
    """F9, small: the first success on standby within connect_timeout + 1 s of suspicion; fallback after it heals."""
    async with Smsc() as first, Smsc() as second, client([first, second], window=20) as one:
        await one.smpp.submit(MESSAGE)
        first.peers[0].mute = True
        first.silent = True
        began = first.now()
        held = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=100))) for _ in range(20)]
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(20)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert 2 <= first.now() - began <= 2 + 3 + 1
        assert {(await task).node for task in waiting} == {second.name}
        assert {type(await task) for task in held} == {OutcomeUnknown}
        assert first.now() - began < 30
        assert len(second.accepted) == 20
        first.silent = False
        await until(lambda: modes(first) == [TRX] and not second.bound, 200)
        assert (await one.smpp.submit(MESSAGE)).node == first.name


async def test_a_server_that_only_hesitates_keeps_its_messages() -> None:
    async with Smsc(answer=lambda _: Reply(delay=3)) as first, Smsc() as second, client([first, second]) as one:
        sent = await asyncio.gather(*(one.smpp.submit(MESSAGE, timeout=100) for _ in range(20)))
        assert {one.node for one in sent} == {first.name}
        assert not second.peers


async def test_suspicion_ends_with_the_next_octet() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        smsc.peers[0].mute = True
        await until(lambda: any(link.suspect for link in one.smpp.stats().links), 10)
        second = asyncio.create_task(one.smpp.submit(MESSAGE))
        await asyncio.sleep(0.1)
        assert not second.done()
        assert len(smsc.submits) == 1
        smsc.peers[0].mute = False
        smsc.answer = lambda _: 0
        smsc.answer_all()
        assert (await task).message_ids
        assert (await second).message_ids
        assert len(smsc.peers) == 1


async def test_enquire_link_is_sent_and_answered_whatever_the_traffic() -> None:
    """cloudhopper#134, gosmpp#161."""
    async with Smsc() as smsc, client(smsc) as one:
        for _ in range(200):
            await one.smpp.submit(MESSAGE)
            await asyncio.sleep(1)
        peer = smsc.peers[0]
        assert 5 <= peer.session.stats.enquired_by_peer <= 8
        peer.session.probe(smsc.now())
        peer.flush()
        await asyncio.sleep(1)
        assert not peer.lost
        assert one.smpp.stats().reconnects == 0


@pytest.mark.parametrize("junk", [b"\0\0\0\x04", b"\x7f\xff\xff\xff" + b"\0" * 12, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_broken_framing_is_a_lost_link(junk: bytes) -> None:
    """what aiosmpplib 0.7.4 gets wrong, 14: nothing is buffered for a length that cannot be; the next link goes on."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE)))
        await until(lambda: smsc.submits)
        smsc.peers[0].write(junk)
        assert type(await task) is OutcomeUnknown
        smsc.answer = lambda _: 0
        assert (await one.smpp.submit(MESSAGE)).message_ids == ("id1",)
        assert len(smsc.peers) == 2


async def test_vendor_pdus_and_broken_tlvs_do_not_end_the_link() -> None:
    """what aiosmpplib 0.7.4 gets wrong, 11 to 13 and 15."""
    truncated = bytes.fromhex("0000002d00000005000000000000002a000101373900010131323334000000000000000000000000042700")
    truncated = len(truncated).to_bytes(4) + truncated[4:]
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        peer = smsc.peers[0]
        peer.write(bytes.fromhex("00000010 00010203 00000000 00000007"))
        peer.write(truncated)
        assert (await one.smpp.submit(MESSAGE)).message_ids == ("id2",)
        assert one.smpp.stats().reconnects == 0


async def test_a_blocked_writer_holds_messages_back_and_loses_none() -> None:
    async with Smsc() as smsc, client(smsc, window=50) as one:
        await one.smpp.submit(MESSAGE)
        (link,) = one.hub.links
        link.pause_writing()
        tasks = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert len(smsc.submits) == 1
        link.resume_writing()
        assert len(await asyncio.gather(*tasks)) == 5


async def test_a_link_that_ends_while_blocked_has_sent_nothing() -> None:
    """Registered, not written: they go over the next link, none twice, none lost."""
    async with Smsc() as smsc, client(smsc, window=50) as one:
        await one.smpp.submit(MESSAGE)
        (link,) = one.hub.links
        tasks = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(5)]
        await asyncio.sleep(0)
        one.hub.fill(one.hub.time())
        link.pause_writing()  # handed to the session, not to the transport
        assert link.session.in_flight == 5
        smsc.peers[0].cut()
        sent = await asyncio.gather(*tasks)
    assert len(sent) == 5
    assert len(smsc.submits) == 6


# --- TLS


async def test_tls() -> None:
    async with Smsc(tls=server_context()) as smsc, client(smsc, ssl_context=client_context()) as one:
        sent = await asyncio.gather(*(one.smpp.submit(LONG) for _ in range(20)))
        assert len({i for one in sent for i in one.message_ids}) == 60


@pytest.mark.parametrize("behaviour", ["tls_untrusted", "tls_expired", "tls_wrong_name"])
async def test_a_bad_certificate_is_surfaced_and_never_gone_around(behaviour: str) -> None:
    async with Smsc(tls=server_context(behaviour)) as smsc, client(smsc, ssl_context=client_context()) as one:
        error = await outcome(one.smpp.submit(MESSAGE))
        assert isinstance(error, UntrustedServer)
        assert isinstance(error, TlsError)
        assert (error.reason, error.retryable) == ("unreachable", False)
        assert not smsc.submits
        assert TO not in shown(error)


async def test_one_bad_certificate_is_passed_over() -> None:
    async with (
        Smsc(tls=server_context("tls_expired")) as first,
        Smsc(tls=server_context()) as second,
        client([first, second], ssl_context=client_context()) as one,
    ):
        assert (await one.smpp.submit(MESSAGE)).node == second.name


async def test_the_default_context_verifies() -> None:
    async with Smsc(tls=server_context()) as smsc, client(smsc) as one:
        assert isinstance(await outcome(one.smpp.submit(MESSAGE)), UntrustedServer)
        context = await one.hub.tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_tls_asked_of_a_plain_server_hangs_no_longer_than_the_timeout() -> None:
    async with Smsc(silent=True) as smsc:
        url = smsc.url.replace("smpp:", "smpps:")
        async with client(url, ssl_context=client_context()) as one:
            began = smsc.now()
            error = await outcome(one.smpp.submit(MESSAGE, timeout=20))
            assert (type(error), error.reason) == (NotSent, "unreachable")
            assert smsc.now() - began <= 21


# --- the end


@pytest.mark.parametrize("run", range(10))
async def test_graceful_stop_with_fifty_in_flight(run: int) -> None:
    """F11, what aiosmpplib 0.7.4 gets wrong, 22: 50 of 50 answers, then unbind, then the end."""
    async with Smsc(answer=lambda _: Reply(delay=0.2 + run / 10)) as smsc, client(smsc, window=50) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE))) for _ in range(50)]
        await until(lambda: len(smsc.submits) == 50)
        closing = asyncio.create_task(one.aclose())
        await asyncio.sleep(0)
        late = await outcome(one.smpp.submit(MESSAGE))
        found = await asyncio.gather(*tasks)
        await closing
    assert [type(one) for one in found] == [Submission] * 50
    assert (type(late), late.reason) == (NotSent, "closed")
    assert smsc.peers[0].unbound
    assert smsc.peers[0].lost


async def test_what_is_left_at_the_end_of_the_grace_time_is_told_honestly() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=3) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=100))) for _ in range(8)]
        await until(lambda: len(smsc.submits) == 3)
        began = smsc.now()
        await one.aclose(grace=2)
        found = await asyncio.gather(*tasks)
        assert smsc.now() - began < 2 + 5 + 3
    assert [type(one) for one in found] == [OutcomeUnknown] * 3 + [NotSent] * 5
    assert {one.reason for one in found[3:]} == {"closed"}
    assert smsc.peers[0].unbound


async def test_interrupted_by_whoever_sent_in_bulk() -> None:
    """Leaving `send_many`: nothing more is written, answers on their way still count."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(LONG, bulk=True))) for _ in range(2)]
        await until(lambda: smsc.submits)
        other = asyncio.create_task(one.smpp.submit(MESSAGE))
        await asyncio.sleep(0.1)
        one.life.interrupt(tasks)
        assert (await tasks[1]).reason == "closed"
        assert not tasks[0].done()
        smsc.answer = lambda _: 0
        smsc.answer_all()
        first = await tasks[0]
        assert (type(first), first.evidence.accepted, first.evidence.unsent) == (OutcomeUnknown, (1,), (2, 3))
        assert (await other).message_ids == ("id2",)
    assert len(smsc.submits) == 2


async def test_answers_that_come_while_unbinding_still_count() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=100))) for _ in range(3)]
        await until(lambda: len(smsc.submits) == 3)
        closing = asyncio.create_task(one.aclose(grace=1))
        await until(lambda: smsc.peers[0].unbound)
        smsc.answer_all()
        assert [type(one) for one in await asyncio.gather(*tasks)] == [Submission] * 3
        await closing


async def test_close_while_nobody_is_there() -> None:
    async with client(dead_port()) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=1000)))
        await asyncio.sleep(1)
        await one.aclose(grace=1)
        error = await task
    assert (type(error), error.reason) == (NotSent, "closed")


async def test_a_second_cancellation_aborts() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=1000)))
        await until(lambda: smsc.submits)
        began = smsc.now()
        closing = asyncio.create_task(one.aclose(grace=100))
        await asyncio.sleep(0.1)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert type(await task) is OutcomeUnknown
        await until(lambda: smsc.peers[0].lost)
        assert smsc.now() - began < 10


@pytest.mark.parametrize("phase", ["connecting", "binding", "bound"])
async def test_cancelled_at_every_await_of_a_line(phase: str) -> None:
    async with Smsc(bind_answer=(lambda _: None) if phase == "binding" else (lambda _: 0)) as smsc:
        if phase == "connecting":
            smsc.silent = True
        url = smsc.url.replace("smpp:", "smpps:") if phase == "connecting" else smsc.url
        async with client(url, ssl_context=client_context()) as one:
            one.hub.start()
            await until(lambda: smsc.peers)
            await asyncio.sleep(0.1)
            for task in one.life.tasks:
                task.cancel()
            await asyncio.sleep(0.1)
            assert not one.life.tasks
            await until(lambda: all(peer.lost for peer in smsc.peers))
            assert not one.hub._all_links()


async def test_a_line_that_is_cancelled_while_it_unbinds_aborts() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        smsc.peers[0].mute = True
        began = smsc.now()
        for left in (1, 0):  # the first time it says goodbye, and waits for the answer
            for task in one.life.tasks:
                task.cancel()
            await asyncio.sleep(0.1)
            assert len(one.life.tasks) == left
        await until(lambda: smsc.peers[0].lost)
        assert smsc.now() - began < 1
        assert not one.hub._all_links()


async def test_a_defect_of_a_line_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    async with Smsc() as smsc, client(smsc) as one:
        monkeypatch.setattr(type(one.hub), "bind_request", lambda *_: 1 / 0)
        error = await outcome(one.smpp.submit(MESSAGE))
        assert (type(error), error.reason) == (NotSent, "unreachable")
        assert "ZeroDivisionError" in caplog.text


async def test_ready() -> None:
    async with Smsc() as smsc, client(smsc, bind="split") as one:
        assert await one.hub.ready(5)
        assert await one.hub.ready(5)
    async with client(dead_port()) as one:
        assert not await one.hub.ready(2)


async def test_made_outside_of_a_loop_and_bound_to_one() -> None:
    def make() -> Client:
        settings = Settings(credentials=Credentials(login="u", password="p"))
        life, telemetry, clock = Life(), Telemetry(), VirtualClock()
        hub = Transceiver(settings, options=SmppOptions(), clock=clock, telemetry=telemetry, life=life)
        assert hub.stats().links == ()
        return Client(None, hub, life, telemetry, settings, clock)  # type: ignore[arg-type] # not used

    made = await asyncio.to_thread(make)
    await made.aclose()


async def test_the_options_name_their_own_login() -> None:
    async with Smsc() as smsc, client(smsc, system_id="other", password="secret", settings=Settings()) as one:
        await one.smpp.submit(Message(to=TO, text="x"))
    bind = smsc.peers[0].bind
    assert bind is not None
    assert (bind.system_id, bind.password.reveal()) == ("other", "secret")
    assert smsc.submits[0].request.source_addr == ""
    with pytest.raises(ConfigurationError):
        SmppOptions(system_id="only")
