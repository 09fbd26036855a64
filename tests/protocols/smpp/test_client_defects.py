"""What other SMPP libraries were seen to do wrong, on the client's side, and where ours is shown not to.

The numbers are those of the project's survey of aiosmpplib 0.7.4 (the codec's
own are in ``test_defects.py``), the names those of issues of other libraries
(the pure core's are in ``test_complaints.py``).

=====  ==================================================  =========================================================
1      a message in hand is lost when the link drops       test_client: never_written_messages_survive...; here
2      the response is correlated after the writing        here: an_answer_that_overtakes...
3      no window; false time-outs under load               test_client: a_hundred_callers...; here
5      RTHROTTLED and RMSGQFUL are never sent again         test_client: throttled_messages_keep_their_order...
6      one throttled answer stops the sender for minutes   here: one_throttled_answer_in_fifty...
7      an option without UDH ends the client               test_outgoing: a_coding_of_the_callers
11-13  vendor TLVs, cut TLVs, vendor statuses               test_transceiver: vendor_pdus...; test_client: refused
14     an unbounded command_length                          test_transceiver: broken_framing...
15     every generic_nack says 0                            here: what_we_refuse...
21     a hook holds up enquire_link_resp, or ends it all    here: a_failing_application...
22     stop() loses what is under way                       test_transceiver: graceful_stop...
23     RALYBND counts as bound                              test_transceiver: the_taken_slot...
24     the real status of a refused bind is hidden          test_transceiver: other_refusals...; here
27     a drop is told at some later message                 test_client: a_link_lost_after_the_writing...
28     a generic_nack answers nobody                        test_client: refused[nack]
32     no TLS; passwords of 8 characters                    test_transceiver: tls; kit.PASSWORD
33     one drain a PDU                                      test_client: one_write_a_turn; test_link
-----  --------------------------------------------------  ---------------------------------------------------------
       jsmpp#63: resent although the answer was there      here: no_message_goes_twice...; test_client: late answers
       jasmin#247, #1036: bound again, nothing goes        test_client: never_written...; here
       smpp34 1.2.1: the answer comes before the entry     here: an_answer_that_overtakes...
       smppex#51: heartbeat and submit share a number      here: heartbeats_and_messages...
       smpp34 1.4.0: PDUs with the bind response           test_transceiver: the_message_that_comes_with...
       jasmin#425, #796, #925, ksmppd#126: throttling      test_client: throttled_...
       gosmpp#76, node#119, #173: stalls                   here: nothing_stalls...; test_transceiver: blocked_writer
       node#10, #227: entries never dropped                here: nothing_is_kept...
       cloudhopper#134, gosmpp#161: heartbeats             test_transceiver: enquire_link...
       jsmpp#180, vumi#624: a dead peer holds the slot     test_transceiver: the_taken_slot...
       node#101, #109: strangers on the port               test_transceiver: broken_framing...
       smpplib#187: sending while listening                here: sending_and_receiving...
       jasmin#467, gosmpp#68: failover                     test_transceiver: a_silent_server...
       smpplib#107: TLS with certificates                  test_transceiver: tls
=====  ==================================================  =========================================================
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sms_traffic_async.errors import NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.messages import InboundMessage, Message, Submission
from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.pdu import DeliverSm
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import LONG, MESSAGE, TO, client, outcome, until
from tests.support.smpp_peer import Reply, Smsc, Submitted
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

THROTTLED = CommandStatus.ESME_RTHROTTLED


async def test_a_message_that_waits_for_the_rate_survives_a_drop() -> None:
    """1: in the rate limiter's hands when the link goes; and, after it, in the throttle's."""
    async with Smsc() as smsc, client(smsc, rate=0.5) as one:
        tasks = [asyncio.create_task(one.smpp.submit(Message(to=TO, text=f"{n}"))) for n in range(4)]
        await until(lambda: smsc.accepted)
        smsc.peers[0].cut()
        await asyncio.gather(*tasks)
    assert smsc.texts() == [b"0", b"1", b"2", b"3"]


async def test_an_answer_that_overtakes_the_callers_own_code() -> None:
    """2: a peer that answers in the same turn, a receipt in the same segment: both find their message."""
    updates: list[Any] = []

    def answer(one: Submitted) -> int:
        text = f"id:id{len(smsc.accepted) + 1} sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
        asyncio.get_running_loop().call_soon(
            one.peer.deliver, DeliverSm(esm_class=4, source_addr=TO, short_message=text.encode())
        )
        return 0

    async with Smsc(answer=answer) as smsc, client(smsc) as one:

        def took(found: Sequence[Any]) -> bool:
            updates.extend(found)
            return True

        one.hub.receiving.updates = took
        sent = [await one.smpp.submit(MESSAGE) for _ in range(50)]
        await until(lambda: len(updates) == 50)
        assert one.smpp.stats().receiving.unmatched == 0
    assert [update.message_id for update in updates] == [one.message_ids[0] for one in sent]


async def test_six_thousand_at_once_and_no_false_time_out() -> None:
    """3: all of them wait for their turn; 5 s for an answer are enough for each, not for all."""
    async with (
        Smsc(answer=lambda _: Reply(delay=0.1)) as smsc,
        client(smsc, window=50, response_timeout=5, late_timeout=5) as one,
    ):
        found = await asyncio.gather(*(outcome(one.smpp.submit(MESSAGE, timeout=60)) for _ in range(6000)))
        stats = one.smpp.stats()
    assert Counter(type(one) for one in found) == {Submission: 6000}
    assert (stats.late, stats.unknown, len(smsc.submits)) == (0, 0, 6000)


async def test_one_throttled_answer_in_fifty_costs_a_moment() -> None:
    """6."""
    async with (
        Smsc(answer=lambda one: int(THROTTLED) if len(smsc.submits) % 50 == 0 else 0) as smsc,
        client(smsc) as one,
    ):
        began = smsc.now()
        await asyncio.gather(*(one.smpp.submit(MESSAGE, timeout=300) for _ in range(200)))
        assert smsc.now() - began < 30


async def test_what_we_refuse_we_refuse_with_a_reason() -> None:
    """15: the status of a nack says why."""
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        heard: list[bytes] = []
        peer = smsc.peers[0]
        receive = peer.session.receive_data

        def listen(data: bytes, now: float) -> None:
            heard.append(data)
            receive(data, now)

        peer.session.receive_data = listen  # type: ignore[method-assign] # a look at what comes
        peer.write(bytes.fromhex("00000010 00010203 00000000 00000007"))
        await until(lambda: heard)
    assert heard[0] == bytes.fromhex("00000010 80000000 00000003 00000007")


async def test_a_failing_application_neither_ends_nor_delays_the_link() -> None:
    """21: sinks that raise, and a caller that never comes back for its answer."""

    def fail(*_: object) -> bool:
        raise RuntimeError("the application's")

    def hook(_: object) -> None:
        raise RuntimeError("the metrics'")

    async with Smsc() as smsc, client(smsc, hooks=(hook,)) as one:
        one.hub.receiving.updates = fail
        one.hub.receiving.inbound = fail
        await one.smpp.submit(MESSAGE)
        peer = smsc.peers[0]
        receipt = b"id:id1 stat:DELIVRD"
        peer.deliver(DeliverSm(esm_class=4, short_message=receipt))
        peer.deliver(DeliverSm(source_addr="7", destination_addr="1", short_message=b"hello"))
        began = smsc.now()
        peer.session.probe(began)
        peer.flush()
        await until(lambda: len(peer.answers) == 2)
        assert {answer.response.command_status for answer in peer.answers} == {CommandStatus.ESME_RX_T_APPN}
        assert (await one.smpp.submit(MESSAGE)).message_ids == ("id2",)
        assert one.smpp.stats().reconnects == 0


async def test_the_real_status_of_a_refused_bind() -> None:
    """24: a bind response that is a bare header."""
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=5)))
        await until(lambda: smsc.peers and smsc.peers[0].bind)
        smsc.peers[0].write(bytes.fromhex("00000010 80000009 0000000E 00000001"))
        error = await task
    assert error.code == 0x0E


async def test_heartbeats_and_messages_never_share_a_number() -> None:
    """smppex#51."""
    async with Smsc(answer=lambda _: Reply(delay=0.5)) as smsc, client(smsc, enquire_link=1.0, window=3) as one:
        await asyncio.gather(*(one.smpp.submit(LONG, timeout=300) for _ in range(20)))
        assert smsc.peers[0].session.stats.enquired_by_peer >= 5
    numbers = [one.sequence for one in smsc.submits]
    assert len(set(numbers)) == len(numbers) == 60


async def test_no_message_goes_twice_when_the_answer_is_slow() -> None:
    """jsmpp#63."""
    async with (
        Smsc(answer=lambda _: Reply(delay=8)) as smsc,
        client(smsc, response_timeout=5, late_timeout=30, window=2) as one,
    ):
        sent = await asyncio.gather(*(one.smpp.submit(MESSAGE, timeout=200) for _ in range(10)))
    assert len(smsc.submits) == len(sent) == 10


@pytest.mark.parametrize("ending", ["cut", "unbind", "junk", "mute"])
async def test_nothing_stalls_after_a_rebind(ending: str) -> None:
    """jasmin#1036, node#173: bound again, and everything that waited goes."""
    async with Smsc() as smsc, client(smsc, window=2) as one:
        await one.smpp.submit(MESSAGE)
        for turn in range(3):
            peer = smsc.bound[-1]
            tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=200))) for _ in range(20)]
            if ending == "cut":
                peer.cut()
            elif ending == "unbind":
                peer.unbind()
            elif ending == "junk":
                peer.write(b"\0\0\0\1" * 4)
            else:
                peer.mute = True
            found = await asyncio.gather(*tasks)
            assert {type(one) for one in found} <= {Submission, OutcomeUnknown}, turn
            assert sum(type(one) is OutcomeUnknown for one in found) <= 2
            assert type(await outcome(one.smpp.submit(MESSAGE))) is Submission
            await asyncio.sleep(100)


async def test_nothing_is_kept_of_what_is_over() -> None:
    """node#10, #227: 3,000 messages in every way, and no trace of them."""
    statuses = (0, 0, 0, 0x0B, int(THROTTLED))
    async with (
        Smsc(answer=lambda _: statuses[len(smsc.submits) % 5]) as smsc,
        client(smsc, window=50) as one,
    ):

        async def caller(number: int) -> None:
            task = asyncio.create_task(outcome(one.smpp.submit(LONG if number % 7 == 0 else MESSAGE, timeout=300)))
            if number % 10 == 0:
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*map(caller, range(3000)))
        await until(lambda: not one.hub.open)
        (link,) = one.hub.links
        assert not link.session._outstanding.submits
        assert not link.session._outstanding.waiting
        assert not link.session._outstanding.late
        assert link.current is None
        assert not link.overdue
        assert sum(map(len, one.hub.queue.lanes)) < 200
        await asyncio.sleep(301)
        assert not one.hub._deadlines
        assert not one.hub._line
        smsc.submits.clear()
        gc.collect()
        left = [found for found in gc.get_objects() if isinstance(found, Parcel)]
        assert len(left) <= 65, len(left)  # what a queue may keep of those that were dropped


async def test_a_link_lets_go_of_what_was_refused_before_its_last_part() -> None:
    async with Smsc(answer=lambda _: 0x0B) as smsc, client(smsc, window=2) as one:
        assert isinstance(await outcome(one.smpp.submit(Message(to=TO, text="long " * 120))), Rejected)
        assert len(smsc.submits) == 2
        await until(lambda: not one.hub.open)
        assert one.hub.links[0].current is None


async def test_sending_and_receiving_at_once() -> None:
    """smpplib#187: 500 messages out, 500 in, over one link."""
    got: list[str] = []
    async with Smsc() as smsc, client(smsc, window=20) as one:

        def took(message: InboundMessage, ack: Callable[[], None]) -> bool:
            got.append(message.text)
            ack()
            return True

        one.hub.receiving.inbound = took
        await one.smpp.submit(MESSAGE)
        for number in range(500):
            mo = DeliverSm(source_addr="79160000000", destination_addr="1234", short_message=b"%d" % number)
            smsc.peers[0].session.request(mo, smsc.now())
        smsc.peers[0].flush()
        await asyncio.gather(*(one.smpp.submit(MESSAGE) for _ in range(500)))
        await until(lambda: len(smsc.peers[0].answers) == 500)
    assert got == [str(number) for number in range(500)]
    assert {answer.response.command_status for answer in smsc.peers[0].answers} == {0}


async def test_a_flood_of_impatient_callers_leaves_the_queue_clean() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, response_timeout=50) as one:
        held = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=40)))
        await until(lambda: smsc.submits)
        found = await asyncio.gather(*(outcome(one.smpp.submit(MESSAGE, timeout=1)) for _ in range(2000)))
        assert {(type(one), one.reason) for one in found} == {(NotSent, "overloaded")}
        assert one.hub.queue.parts == 0
        assert sum(map(len, one.hub.queue.lanes)) <= 200
        assert type(await held) is OutcomeUnknown
