"""Receipts, from octets to the application and back to their answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import MOSCOW, StatusUpdate
from sms_traffic_async.protocols.smpp.correlation import Correlation, EarlyReceipts
from sms_traffic_async.protocols.smpp.message_ids import IdMatching
from sms_traffic_async.protocols.smpp.pdu import DataSm, DeliverSm, QuerySm, Response, Tlvs, decode
from sms_traffic_async.protocols.smpp.protocol import Requested
from sms_traffic_async.protocols.smpp.receipts import read_receipt, read_update
from sms_traffic_async.protocols.smpp.receiving import Receiving
from tests.protocols.smpp.pair import deliver, headers, only, raw, tlv
from tests.protocols.smpp.receiving_kit import FULL, NOBODY, OK, Application, Side, part, receipt

DATA_SM, DATA_SM_RESP = 0x103, 0x80000103


def data_sm(sequence: int, *, esm_class: int = 0, tlvs: bytes = b"") -> bytes:
    body = b"\0\1\x0179161112233\0\1\x011234\0" + bytes((esm_class, 0, 0)) + tlvs
    return raw(DATA_SM, sequence, body)


def test_a_receipt_becomes_an_update_and_is_acknowledged() -> None:
    app = Application()
    side = app.side("server2")
    app.receiving.submitted("1046379029", 0.0)
    assert side.hear(receipt("1046379029", 5)) == [(5, OK)]
    (update,) = app.updates
    assert (update.message_id, update.status, update.node, update.source) == (
        "1046379029", "Delivered", "server2", "receipt",
    )  # fmt: skip
    assert update.status_at == datetime(2025, 11, 27, 13, 59, tzinfo=MOSCOW)
    assert app.receiving.stats().receipts == 1
    assert app.receiving.stats().unmatched == 0


def test_a_receipt_of_the_elder_half_of_what_is_remembered_is_matched() -> None:
    app = Application(most_known=4)
    for number in range(3):  # the third begins a new half
        app.receiving.submitted(str(number), 0.0)
    assert app.side().hear(receipt("0", 5)) == [(5, OK)]
    assert app.ids == ["0"]
    assert app.receiving.stats().unmatched == 0


def test_all_of_one_read_are_handed_over_together() -> None:
    app = Application()
    calls: list[int] = []

    def sink(updates: Sequence[StatusUpdate]) -> bool:
        calls.append(len(updates))
        return True

    app.receiving.updates = sink
    assert app.side().hear(*(receipt(str(n), n) for n in range(1, 6))) == [(n, OK) for n in range(1, 6)]
    assert calls == [5]


def test_full_nobody_and_broken(caplog: pytest.LogCaptureFixture) -> None:
    app = Application()
    side = app.side()
    app.room = 0
    assert side.hear(receipt("1", 1)) == [(1, FULL)]
    app.receiving.updates = None
    assert side.hear(receipt("1", 2)) == [(2, NOBODY)]
    app.receiving.updates = app.update
    app.fails = lambda: int("79161112233 is secret")  # raises
    with caplog.at_level(logging.WARNING):
        assert side.hear(receipt("1", 3)) == [(3, NOBODY)]
    assert "ValueError" in caplog.text
    assert "7916" not in caplog.text
    app.fails, app.room = None, 10
    # None of them was taken, so it is no repeat.
    assert side.hear(receipt("1", 4)) == [(4, OK)]
    assert app.ids == ["1"]
    assert app.receiving.stats().refused == 3


def test_it_tells_who_takes_messages() -> None:
    receiving = Receiving()
    assert receiving.inbound is None
    receiving.inbound = taker = lambda _, __: True
    assert receiving.inbound is taker


class TestEarly:
    """Receipts that come before the response of their message."""

    def test_it_waits_for_the_response(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        assert side.hear(receipt("77", 1)) == []
        assert app.updates == []
        assert app.receiving.stats().held == 1
        app.in_flight = []
        app.receiving.submitted("77", app.clock.now)
        assert app.ids == ["77"]
        assert side.said() == [(1, OK)]
        assert (app.receiving.stats().held, app.receiving.stats().unmatched) == (0, 0)

    def test_also_on_another_link(self) -> None:
        app = Application()
        first, second = app.side("server1"), app.side("server2")
        app.in_flight = [app.clock.now]
        second.hear(receipt("77", 1))
        app.receiving.submitted("77", app.clock.now)
        assert second.said() == [(1, OK)]
        assert first.said() == []
        assert app.updates[0].node == "server2"

    def test_in_the_order_they_came(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1, state=5), receipt("78", 2), receipt("77", 3, state=2))
        app.receiving.submitted("77", app.clock.now)
        assert [update.status for update in app.updates] == ["Non Delivered", "Delivered"]
        assert side.said() == [(1, OK), (3, OK)]

    def test_nothing_under_way_nothing_to_wait_for(self) -> None:
        app = Application()
        assert app.side().hear(receipt("77", 1)) == [(1, OK)]
        assert app.receiving.stats().unmatched == 1

    def test_a_submit_written_later_is_not_its_message(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1))
        app.clock.now += 0.1
        app.in_flight = [app.clock.now]
        app.receiving.submitted("5", app.clock.now)
        assert app.ids == []  # another response of the same read may still be its own
        app.receiving.on_time(app.clock.now)
        assert app.ids == ["77"]
        assert side.said() == [(1, OK)]
        assert app.receiving.stats().unmatched == 1

    def test_a_few_seconds_at_most(self) -> None:
        app = Application(hold_receipts=3.0)
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1))
        app.wait(2.9)
        assert app.updates == []
        app.wait(0.2)
        assert app.ids == ["77"]
        assert side.said() == [(1, OK)]
        assert app.receiving.next_deadline() is None

    def test_without_anybody_who_knows_what_is_under_way(self) -> None:
        app = Application(hold_receipts=3.0)
        app.receiving.oldest_unanswered = None
        app.side().hear(receipt("77", 1))
        app.wait(2.9)
        assert app.updates == []
        app.wait(0.2)
        assert app.ids == ["77"]

    def test_not_at_all_by_option(self) -> None:
        app = Application(hold_receipts=0)
        app.in_flight = [app.clock.now]
        assert app.side().hear(receipt("77", 1)) == [(1, OK)]

    def test_so_many_and_no_more(self) -> None:
        app = Application(max_held=3)
        side = app.side()
        app.in_flight = [app.clock.now]
        answered = side.hear(*(receipt(str(n), n) for n in range(1, 6)))
        assert answered == [(1, OK), (2, OK)]
        assert app.ids == ["1", "2"]
        stats = app.receiving.stats()
        assert stats.held == 3
        assert stats.held_most == 4

    def test_without_an_id_it_cannot_wait(self) -> None:
        app = Application()
        app.in_flight = [app.clock.now]
        assert app.side().hear(deliver(b"stat:DELIVRD", esm_class=4, sequence=1)) == [(1, OK)]
        assert app.ids == [""]

    def test_when_there_is_no_room_for_it_any_more(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1))
        app.room = 0
        app.receiving.submitted("77", app.clock.now)
        assert side.said() == [(1, FULL)]
        app.room = 1
        assert side.hear(receipt("77", 2)) == [(2, OK)]

    def test_a_repeat_shares_the_answer(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1))
        side.lose()
        other = app.side()
        assert other.hear(receipt("77", 9)) == []
        app.receiving.submitted("77", app.clock.now)
        assert app.ids == ["77"]
        assert other.said() == [(9, OK)]
        assert app.receiving.stats().duplicates == 1

    def test_a_repeat_that_does_not_have_to_wait(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1))
        side.lose()
        app.in_flight = []
        assert app.side().hear(receipt("77", 9)) == [(9, OK)]
        app.wait(5)
        assert app.ids == ["77"]
        assert app.receiving.stats().held == 0

    def test_at_close_it_is_handed_over_as_it_is(self) -> None:
        app = Application()
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1))
        app.receiving.close(app.clock.now)
        assert app.ids == ["77"]
        assert side.said() == [(1, OK)]

    def test_beside_parts_that_wait(self) -> None:
        app = Application(hold_receipts=3.0, hold_parts=2.0)
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(receipt("77", 1), part(1, 2, 2))
        assert app.receiving.next_deadline() == app.clock.now + 2
        app.wait(2.5)
        assert side.said() == [(2, NOBODY)]
        app.wait(1)
        assert side.said() == [(1, OK)]

    def test_nobody_listens_nobody_waits(self) -> None:
        app = Application()
        app.receiving.updates = None
        app.in_flight = [app.clock.now]
        assert app.side().hear(receipt("77", 1)) == [(1, NOBODY)]


class TestMatching:
    def test_hexadecimal_in_the_response_and_decimal_in_the_receipt(self) -> None:
        app = Application(matching=IdMatching(hex_decimal=True))
        side = app.side()
        app.receiving.submitted("1A2B", app.clock.now)
        side.hear(receipt("6699", 1))
        app.in_flight = [app.clock.now]
        side.hear(receipt("6700", 2))
        app.receiving.submitted("1A2C", app.clock.now)
        assert app.ids == ["1A2B", "1A2C"]
        assert side.said() == [(2, OK)]

    def test_case_and_zeros(self) -> None:
        app = Application(matching=IdMatching(ignore_case=True, strip_zeros=True))
        app.receiving.submitted("00B8BE19", app.clock.now)
        app.side().hear(receipt("b8be19", 1))
        assert app.ids == ["00B8BE19"]

    def test_by_the_id_in_the_text_where_the_parameter_is_another(self) -> None:
        app = Application()
        app.receiving.submitted("59113978", app.clock.now)
        app.side().hear(receipt("38601fa", 1, text_id="59113978"))
        assert app.ids == ["59113978"]

    def test_what_is_remembered_is_bounded(self) -> None:
        correlation = Correlation(most=100)
        for number in range(1000):
            correlation.learn(str(number))
        assert len(correlation) <= 100
        assert correlation.find("999") == "999"
        assert correlation.find("960") == "960"
        assert correlation.find("800") is None
        with pytest.raises(ConfigurationError):
            Correlation(most=1)

    def test_nothing_is_left_behind(self) -> None:
        app = Application(matching=IdMatching(hex_decimal=True))
        side = app.side()
        app.in_flight = [app.clock.now]
        side.hear(*(receipt(str(n), n) for n in range(1, 50)))
        for number in range(1, 30):
            app.receiving.submitted(f"{number:X}", app.clock.now)
        app.wait(5)
        early = app.receiving._early
        assert isinstance(early, EarlyReceipts)
        assert not early._by_key
        assert not early._by_fingerprint
        assert early.next_deadline() is None
        assert len(app.ids) == 49
        assert len(side.said()) == 49


class TestRepeats:
    def test_after_a_reconnect(self) -> None:
        app = Application()
        side = app.side()
        side.hear(receipt("1", 1))
        side.lose()
        assert app.side().hear(receipt("1", 1), receipt("2", 2)) == [(1, OK), (2, OK)]
        assert app.ids == ["1", "2"]
        assert app.receiving.stats().duplicates == 1

    def test_in_one_read(self) -> None:
        app = Application()
        side = app.side()
        assert side.hear(receipt("1", 1), receipt("1", 2), receipt("2", 3)) == [(1, OK), (2, OK), (3, OK)]
        assert app.ids == ["1", "2"]
        app.room = 0
        # The repeat of what was refused is refused with it.
        assert side.hear(receipt("3", 4), receipt("3", 5)) == [(4, FULL), (5, FULL)]
        app.room = 1
        assert side.hear(receipt("3", 6)) == [(6, OK)]

    def test_on_the_other_server(self) -> None:
        app = Application()
        app.side("server1").hear(receipt("1", 1))
        assert app.side("server2").hear(receipt("1", 8)) == [(8, OK)]
        assert app.ids == ["1"]

    def test_another_state_is_another_receipt(self) -> None:
        app = Application()
        app.side().hear(receipt("1", 1, state=5), receipt("1", 2, state=2))
        assert app.ids == ["1", "1"]

    def test_by_option_not_looked_for(self) -> None:
        app = Application(deduplicate=False)
        app.side().hear(receipt("1", 1), receipt("1", 2))
        app.in_flight = [app.clock.now]
        app.side().hear(receipt("2", 1), receipt("2", 2))
        app.receiving.submitted("2", app.clock.now)
        assert app.ids == ["1", "1", "2", "2"]

    def test_what_is_remembered_is_bounded(self) -> None:
        app = Application()
        side = app.side()
        app.room = 1_000_000
        for start in range(1, 60_001, 500):
            side.hear(*(receipt(str(n), n) for n in range(start, start + 500)))
        assert len(app.receiving._seen) <= 40_000
        assert side.hear(receipt("60000", 70_000)) == [(70_000, OK)]
        assert app.receiving.stats().duplicates == 1


class TestOtherPdus:
    def test_a_receipt_in_a_data_sm(self) -> None:
        app = Application()
        side = app.side()
        tlvs = tlv(0x0427, b"\2") + tlv(0x001E, b"77\0")
        side.session.receive_data(data_sm(3, esm_class=4, tlvs=tlvs), 0.0)
        app.receiving.take(only(Requested, side.session.events()), side, 0.0)
        assert app.ids == ["77"]
        assert headers(side.session.data_to_send()) == [(DATA_SM_RESP, OK, 3)]

    def test_both_kinds_in_one_read(self) -> None:
        app = Application()
        tlvs = tlv(0x0427, b"\2") + tlv(0x001E, b"77\0")
        assert app.side().hear(receipt("1", 1), data_sm(1, esm_class=4, tlvs=tlvs), receipt("2", 2)) == [
            (1, OK), (1, OK), (2, OK),
        ]  # fmt: skip
        assert app.ids == ["1", "77", "2"]

    def test_what_nobody_should_send_a_client_is_refused(self) -> None:
        answers: list[Response] = []

        class Recorder(Side):
            def answer(self, event: Requested, response: Response) -> None:
                answers.append(response)

        app = Application()
        app.receiving.take(
            [Requested(sequence=5, request=QuerySm(message_id="1"))], Recorder(app.receiving, app.clock), 0
        )
        (response,) = answers
        assert response.command_status == 0x03

    def test_parameters_make_a_receipt_whatever_esm_class_says(self) -> None:
        app = Application()
        pdu = deliver(b"", sequence=1, tlvs=tlv(0x0427, b"\2") + tlv(0x001E, b"77\0"))
        assert app.side().hear(pdu) == [(1, OK)]
        assert app.ids == ["77"]

    def test_an_intermediate_notification(self) -> None:
        app = Application()
        pdu = deliver(b"", sequence=1, esm_class=0x20, tlvs=tlv(0x0427, b"\1") + tlv(0x001E, b"77\0"))
        assert app.side().hear(pdu) == [(1, OK)]
        assert app.updates[0].status == "Buffered SMSC"

    @pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x0C, 0x10, 0x18, 0x3C, 0x03, 0x80])
    def test_any_other_esm_class_is_a_message(self, esm_class: int) -> None:
        app = Application()
        assert app.side().hear(deliver(b"Hello", sequence=1, esm_class=esm_class)) == []
        assert app.texts == ["Hello"]


@pytest.mark.parametrize(
    "text",
    [
        b"id:1 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:UNDELIV err:00A text:x",
        b"id:1 sub: dlvrd: submit date: done date: stat: err: text:",
        b"id: sub:001 dlvrd:001 submit date:251127135859 done date:20251127135959 stat:SEEN err:000 text:",
        b"stat:DELIVRD id:1", b"", b"id:1 text:id:2 stat:EXPIRED", b"\xff\xfe\0", b"id:1 text:",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "tlvs", [b"", tlv(0x427, b"\5") + tlv(0x1E, b"9\0") + tlv(0x423, b"\x08\0\3"), b"\0\x1e\0\x09a"]
)
def test_the_fast_reading_reads_the_same(text: bytes, tlvs: bytes) -> None:
    for pdu in (
        DeliverSm(source_addr="79161112233", esm_class=4, short_message=text, tlvs=Tlvs(tlvs)),
        DeliverSm(esm_class=0x44, short_message=b"\1\0" + text, tlvs=Tlvs(tlvs)),
        decode(data_sm(1, esm_class=4, tlvs=tlvs + (tlv(0x424, text))))[1],
    ):
        assert isinstance(pdu, DeliverSm | DataSm)
        found = read_receipt(pdu)
        update, text_id = read_update(pdu, "server1")
        assert update == found.update(node="server1")
        assert update.raw == found.update().raw
        assert text_id == found.text_id


def test_numbers_that_make_no_sense() -> None:
    for wrong in ({"hold_receipts": -1.0}, {"hold_parts": -1.0}, {"max_held": 0}):
        with pytest.raises(ConfigurationError):
            Receiving(**wrong)
