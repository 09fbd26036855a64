"""Messages from subscribers: parts, repeats, and when which answer is given."""

from __future__ import annotations

import pytest

from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.smpp.reassembly import Reassembler
from sms_traffic_async.protocols.smpp.receiving import Acknowledgement
from tests.protocols.smpp.pair import deliver, tlv
from tests.protocols.smpp.receiving_kit import FULL, NOBODY, OK, Application, part
from tests.protocols.smpp.test_receiving import data_sm


def hello(sequence: int, text: bytes = b"Hello") -> bytes:
    return deliver(text, sequence=sequence)


class TestAnswers:
    def test_acknowledged_when_the_application_says_so(self) -> None:
        app = Application()
        side = app.side("server2")
        assert side.hear(hello(4)) == []
        (message,) = app.messages
        assert (message.sender, message.recipient, message.text, message.source) == (
            "79161112233", "1234", "Hello", "smpp",
        )  # fmt: skip
        assert message.received_at is not None
        assert message.received_at.timestamp() == app.clock.wall()
        (ack,) = app.acks
        assert ack.node == "server2"
        assert app.receiving.stats().inbox.unacknowledged == 1
        ack()
        ack()
        assert ack.is_done
        assert side.said() == [(4, OK)]
        assert app.receiving.stats().inbox.unacknowledged == 0
        assert "1112233" not in repr(ack)
        assert "Hello" not in repr(ack)

    def test_inside_of_the_sink(self) -> None:
        app = Application()

        def sink(_: InboundMessage, ack: Acknowledgement) -> bool:
            ack()
            return True

        app.receiving.inbound = sink
        assert app.side().hear(hello(1)) == [(1, OK)]

    def test_nobody_listens(self) -> None:
        app = Application()
        app.receiving.inbound = None
        side = app.side()
        assert side.hear(hello(1), part(1, 2, 2)) == [(1, NOBODY), (2, NOBODY)]
        app.receiving.inbound = app.message
        assert side.hear(hello(3), part(1, 2, 4), part(2, 2, 5)) == []
        assert app.texts == ["Hello", "<1><2>"]

    def test_full(self) -> None:
        app = Application()
        app.room = 0
        side = app.side()
        assert side.hear(hello(1), part(1, 2, 2), part(2, 2, 3)) == [(1, FULL), (2, FULL), (3, FULL)]
        app.room = 1
        # The platform brings it again: nothing of it was remembered as known.
        assert side.hear(part(1, 2, 4), part(2, 2, 5), hello(6)) == []
        assert app.texts == ["<1><2>", "Hello"]

    def test_a_sink_that_raises(self) -> None:
        app = Application()
        app.fails = lambda: int("x")  # raises
        side = app.side()
        assert side.hear(hello(1)) == [(1, NOBODY)]
        app.fails = None
        assert side.hear(hello(2)) == []

    def test_an_acknowledgement_of_what_was_refused_does_nothing(self) -> None:
        app = Application()
        kept: list[Acknowledgement] = []

        def sink(_: InboundMessage, ack: Acknowledgement) -> bool:
            kept.append(ack)
            return False

        app.receiving.inbound = sink
        side = app.side()
        assert side.hear(hello(1)) == [(1, FULL)]
        kept[0]()
        assert side.said() == []
        assert app.receiving.stats().inbox.unacknowledged == 0

    def test_too_many_without_acknowledgement(self) -> None:
        app = Application()
        app.receiving._inbox._max_unacknowledged = 2
        side = app.side()
        assert side.hear(hello(1), hello(2, b"a"), hello(3, b"b")) == [(3, FULL)]
        app.acks[0]()
        side.said()
        assert side.hear(hello(4, b"b")) == []

    def test_by_data_sm(self) -> None:
        app = Application()
        side = app.side()
        assert side.hear(data_sm(3, tlvs=tlv(0x0424, b"Hello"))) == []
        app.acks[0]()
        assert side.said() == [(3, OK)]
        assert app.texts == ["Hello"]

    def test_binary(self) -> None:
        app = Application()
        app.side().hear(deliver(b"\x00\xff\x80", sequence=1, data_coding=4))
        assert app.texts == [""]
        (ack,) = app.acks
        assert (ack.data, ack.data_coding) == (b"\x00\xff\x80", 4)
        assert app.messages[0].raw == {
            "data": b"\x00\xff\x80", "data_coding": 4, "parts": 1, "missing": (), "node": "server1",
        }  # fmt: skip

    def test_ucs2(self) -> None:
        app = Application()
        app.side().hear(deliver("Привет 😊".encode("utf-16-be"), sequence=1, data_coding=8))
        assert app.texts == ["Привет 😊"]


class TestParts:
    def test_answered_together(self) -> None:
        app = Application()
        side = app.side()
        assert side.hear(part(3, 3, 1), part(1, 3, 2)) == []
        assert app.receiving.stats().inbox.waiting_parts == 2
        assert side.hear(part(2, 3, 3)) == []
        assert app.texts == ["<1><2><3>"]
        app.acks[0]()
        assert sorted(side.said()) == [(1, OK), (2, OK), (3, OK)]
        assert app.acks[0].inbound.is_complete

    def test_over_two_links(self) -> None:
        app = Application()
        one, two = app.side("server1"), app.side("server2")
        one.hear(part(1, 2, 1))
        two.hear(part(2, 2, 1))
        assert app.texts == ["<1><2>"]
        app.acks[0]()
        assert one.said() == two.said() == [(1, OK)]

    def test_twice_in_one_message(self) -> None:
        app = Application()
        side = app.side()
        side.hear(part(1, 2, 1), part(1, 2, 2))
        side.hear(part(2, 2, 3))
        side.hear(part(1, 2, 4))
        assert app.texts == ["<1><2>"]
        app.acks[0]()
        assert sorted(side.said()) == [(1, OK), (2, OK), (3, OK), (4, OK)]
        assert side.hear(part(2, 2, 5)) == [(5, OK)]
        assert app.receiving.stats().inbox.duplicates == 3

    def test_twice_without_looking_for_repeats(self) -> None:
        app = Application(deduplicate=False)
        side = app.side()
        side.hear(part(1, 2, 1), part(1, 2, 2), part(2, 2, 3))
        app.acks[0]()
        side.said()
        assert side.hear(part(1, 2, 4)) == [(4, OK)]
        assert app.texts == ["<1><2>"]
        assert app.receiving.stats().inbox.unacknowledged == 0

    def test_one_that_waits_too_long_is_left_with_the_platform(self) -> None:
        app = Application(hold_parts=2.0)
        side = app.side()
        side.hear(part(1, 2, 1))
        app.wait(1.9)
        assert side.said() == []
        app.wait(0.2)
        assert side.said() == [(1, NOBODY)]
        # A platform that sends one at a time goes on, and the message is whole.
        side.hear(part(2, 2, 2))
        assert app.texts == ["<1><2>"]
        app.acks[0]()
        assert side.said() == [(2, OK)]
        assert side.hear(part(1, 2, 3)) == [(3, OK)]
        assert app.texts == ["<1><2>"]

    def test_one_on_which_the_platform_insists_is_taken(self) -> None:
        app = Application()
        side = app.side()
        side.hear(part(1, 2, 1))
        app.wait(3)
        side.said()
        assert side.hear(part(1, 2, 2)) == [(2, OK)]
        side.hear(part(2, 2, 3))
        assert app.texts == ["<1><2>"]

    def test_over_a_new_link_it_waits_again(self) -> None:
        app = Application()
        side = app.side()
        side.hear(part(1, 2, 1))
        app.wait(3)
        side.lose()
        side = app.side()
        assert side.hear(part(1, 2, 1)) == []
        app.wait(1.9)
        assert side.said() == []
        app.wait(0.2)
        assert side.said() == [(1, NOBODY)]

    def test_lost_and_brought_again_while_it_waits(self) -> None:
        app = Application()
        side = app.side()
        side.hear(part(1, 2, 1))
        side.lose()
        side = app.side()
        side.hear(part(1, 2, 1), part(2, 2, 2))
        app.acks[0]()
        assert side.said() == [(1, OK), (2, OK)]
        assert app.texts == ["<1><2>"]

    def test_what_never_becomes_whole_is_surfaced(self) -> None:
        app = Application(reassembler=Reassembler(ttl=60.0))
        side = app.side()
        side.hear(part(1, 3, 1), part(3, 3, 2))
        app.wait(61)
        assert app.texts == ["<1>…<3>"]
        assert app.acks[0].inbound.missing == (2,)
        assert app.receiving.stats().inbox.partial == 1
        app.acks[0]()
        assert side.said() == [(1, NOBODY), (2, NOBODY)]
        assert side.hear(part(1, 3, 3)) == [(3, OK)]

    def test_nobody_listens_any_more(self) -> None:
        app = Application(reassembler=Reassembler(ttl=60.0))
        side = app.side()
        side.hear(part(1, 2, 1))
        app.receiving.inbound = None
        app.wait(61)
        assert app.receiving.stats().inbox.unacknowledged == 0
        app.receiving.inbound = app.message
        side.hear(part(1, 2, 2), part(2, 2, 3))
        assert app.texts == ["<1><2>"]

    def test_what_only_we_have_is_offered_until_it_is_taken(self) -> None:
        app = Application(reassembler=Reassembler(ttl=60.0))
        side = app.side()
        side.hear(part(1, 2, 1))
        app.wait(3)
        assert side.hear(part(1, 2, 2)) == [(1, NOBODY), (2, OK)]
        app.room = 0
        app.wait(90)
        assert app.texts == []
        app.room = 1
        app.wait(2)
        assert app.texts == ["<1>…"]
        app.acks[0]()
        assert app.receiving.stats().inbox.unacknowledged == 0
        assert app.receiving.next_deadline() is None

    def test_the_backlog_is_bounded(self) -> None:
        app = Application(reassembler=Reassembler(ttl=60.0))
        app.receiving._inbox._max_backlog = 2
        side = app.side()
        for turn in range(2):
            side.hear(*(part(1, 2, 10 * turn + n, reference=n) for n in range(1, 5)))
            app.wait(3)
        app.room = 0
        app.wait(90)
        stats = app.receiving.stats().inbox
        assert stats.dropped == 2
        assert stats.unacknowledged == 2
        app.room = 10
        app.receiving.close(app.clock.now)
        assert app.texts == ["<1>…"] * 2

    def test_close_leaves_with_the_platform_what_it_has(self) -> None:
        app = Application()
        side = app.side()
        side.hear(part(1, 2, 1, reference=1), part(1, 2, 2, reference=2))
        app.wait(3)
        side.said()
        side.hear(part(1, 2, 3, reference=1), part(1, 2, 4, reference=3))
        side.said()
        app.receiving.close(app.clock.now)
        assert side.said() == [(4, NOBODY)]
        assert app.texts == ["<1>…"]

    def test_close_waits_for_no_application(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1), hello(4), part(1, 2, 2), part(2, 2, 3))
        app.receiving.close(app.clock.now)
        assert sorted(side.said()) == [(1, NOBODY), (2, NOBODY), (3, NOBODY), (4, NOBODY)]
        assert side.hear(hello(5)) == [(5, NOBODY)]
        for ack in app.acks:
            ack()
        assert side.said() == []
        assert app.receiving.stats().inbox.unacknowledged == 0

    def test_parts_of_another_subscriber(self) -> None:
        app = Application()
        app.side().hear(part(1, 2, 1), part(2, 2, 2, source=b"79990001122"))
        assert app.texts == []

    def test_parameters_instead_of_a_header(self) -> None:
        app = Application()
        sar = [tlv(0x020C, b"\0\7") + tlv(0x020E, b"\2") + tlv(0x020F, bytes((n,))) for n in (1, 2)]
        app.side().hear(deliver(b"a", sequence=1, tlvs=sar[0]), deliver(b"b", sequence=2, tlvs=sar[1]))
        assert app.texts == ["ab"]


class TestRepeats:
    def test_brought_again_after_the_link_was_lost(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1))
        app.acks[0]()
        app.clock.now += 5
        side.lose()
        app.clock.now += 30
        assert app.side().hear(hello(1)) == [(1, OK)]
        assert app.texts == ["Hello"]

    def test_without_word_of_the_loss(self) -> None:
        app = Application()
        app.side().hear(hello(1))
        app.acks[0]()
        # A second link to the server can only mean that the first is over.
        assert app.side().hear(hello(1)) == [(1, OK)]
        assert app.texts == ["Hello"]

    def test_once_for_each_that_was_taken(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1), hello(2))
        for ack in app.acks:
            ack()
        side.lose()
        assert app.side().hear(hello(1), hello(2), hello(3)) == [(1, OK), (2, OK)]
        assert app.texts == ["Hello"] * 3

    def test_people_say_yes_twice(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1, b"Yes"))
        app.acks[0]()
        assert side.hear(hello(2, b"Yes"), hello(3, b"Yes")) == [(1, OK)]
        assert app.texts == ["Yes"] * 3
        app.acks[2]()
        app.acks[1]()
        assert side.said() == [(3, OK), (2, OK)]

    def test_an_answer_that_must_have_arrived(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1))
        app.acks[0]()
        app.clock.now += 61
        side.lose()
        app.side().hear(hello(1))
        assert app.texts == ["Hello"] * 2

    def test_long_ago(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1))
        app.acks[0]()
        side.lose()
        app.clock.now += 601
        app.side().hear(hello(1))
        assert app.texts == ["Hello"] * 2

    def test_both_links_alive(self) -> None:
        app = Application()
        app.side("server1").hear(hello(1))
        app.side("server2").hear(hello(1))
        for ack in app.acks:
            ack()
        app.side("server2").hear(hello(2))
        assert app.texts == ["Hello"] * 2

    def test_while_the_application_still_has_it(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1))
        side.lose()
        side = app.side()
        assert side.hear(hello(7)) == []
        assert app.texts == ["Hello"]
        app.acks[0]()
        assert side.said() == [(7, OK)]

    def test_the_platform_was_tired_of_waiting(self) -> None:
        app = Application()
        side = app.side()
        side.hear(hello(1))
        app.clock.now += 31
        side.hear(hello(2))
        assert app.texts == ["Hello"]
        app.acks[0]()
        assert side.said() == [(1, OK), (2, OK)]

    def test_by_option_not_looked_for(self) -> None:
        app = Application(deduplicate=False)
        side = app.side()
        side.hear(hello(1))
        app.acks[0]()
        side.lose()
        app.side().hear(hello(1))
        assert app.texts == ["Hello"] * 2

    def test_what_is_remembered_is_bounded(self) -> None:
        app = Application()
        side = app.side()
        for number in range(11_000):
            side.hear(hello(number + 1, b"%d" % number))
            app.acks.pop()()
        assert len(app.receiving._inbox._seen) == 10_000
        assert app.receiving._inbox._pending == {}


@pytest.mark.parametrize("octets", [b"", b"\0", b"\5\0\3\7", b"\xff" * 20, b"\5\0\3\7\0\0", b"\5\0\3\7\2\3x"])
def test_damaged_headers_are_messages(octets: bytes) -> None:
    app = Application()
    app.side().hear(deliver(octets, sequence=1, esm_class=0x40))
    assert len(app.messages) == 1
