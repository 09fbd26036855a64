"""Inbound messages in parts: the document's dumps, any order, and nothing swallowed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.smpp.pdu import DataSm, DeliverSm, Tlvs
from sms_traffic_async.protocols.smpp.reassembly import InboundText, Key, Part, Reassembler, part_of
from sms_traffic_async.text import segment
from tests.protocols.smpp.pair import tlv

PHONE = "79161112233"


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=900)


def mo(
    short_message: bytes,
    *,
    source: str = PHONE,
    destination: str = "1234",
    data_coding: int = 8,
    esm_class: int = 0x40,
    tlvs: bytes = b"",
) -> DeliverSm:
    return DeliverSm(
        source_addr=source, destination_addr=destination, esm_class=esm_class, data_coding=data_coding,
        short_message=short_message, tlvs=Tlvs(tlvs),
    )  # fmt: skip


def parts_of(text: str, *, reference: int = 7, reference_bytes: int = 1, source: str = PHONE) -> list[DeliverSm]:
    cut = segment(text, reference_bytes=2 if reference_bytes == 2 else 1)
    head = b"\6\x08\4" + reference.to_bytes(2) if reference_bytes == 2 else bytes((5, 0, 3, reference & 0xFF))
    return [
        mo(head + bytes((cut.count, number)) + body, source=source, data_coding=cut.data_coding)
        for number, body in enumerate(cut.bodies, 1)
    ]


def join(store: Reassembler, pdus: list[DeliverSm], now: float = 0.0) -> list[InboundText]:
    return [message for pdu in pdus for message in store.add(part_of(pdu), now).messages]


def test_the_documents_dump_with_one_octet() -> None:
    octets = bytes.fromhex("05 00 03 D4 03 02 04 3F 04 40 04 38 04 32 04 35 04 42 00 20 00 3A 00 29")
    part = part_of(mo(octets))
    assert part.key == Key(PHONE, "1234", 0xD4, 3, 1)
    assert part.number == 2
    assert part.octets.decode("utf-16-be") == "привет :)"


def test_the_documents_dump_with_two_octets() -> None:
    octets = bytes.fromhex("06 08 04 A7 D4 03 02 04 3F 04 40 04 38 04 32 04 35 04 42 00 20 00 3A 00 29")
    part = part_of(mo(octets))
    assert part.key == Key(PHONE, "1234", 0xA7D4, 3, 2)
    assert part.number == 2
    assert part.octets.decode("utf-16-be") == "привет :)"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_documents_message_of_two_parts(order: tuple[int, int]) -> None:
    pdus = [mo(bytes.fromhex("050003AF0201") + "перв".encode("utf-16-be")),
            mo(bytes.fromhex("050003AF0202") + "ая".encode("utf-16-be"))]  # fmt: skip
    store = Reassembler()
    first, second = (pdus[index] for index in order)
    assert store.add(part_of(first, token="a"), 0.0).messages == []
    (message,) = store.add(part_of(second, token="b"), 1.0).messages
    assert message.text == "первая"
    assert message.is_complete
    assert message.missing == ()
    assert message.first_at == 0.0
    assert message.tokens == (("a", "b") if order == (0, 1) else ("b", "a"))
    assert (store.completed, len(store), store.stored_parts) == (1, 0, 0)


@given(texts, st.sampled_from([1, 2]), st.integers(0, 0xFFFF), st.randoms())
def test_any_text_in_any_order(text: str, reference_bytes: int, reference: int, chance: random.Random) -> None:
    pdus = parts_of(text, reference=reference, reference_bytes=reference_bytes)
    pdus += [chance.choice(pdus) for _ in range(3)]
    chance.shuffle(pdus)
    store = Reassembler()
    (message,) = join(store, pdus)
    assert message.text == text
    assert len(store) == 0
    assert store.duplicates == 3


def test_senders_with_the_same_reference_do_not_mix() -> None:
    one, two = parts_of("a" * 200, source="111"), parts_of("b" * 200, source="999")
    store = Reassembler()
    messages = join(store, [one[0], two[1], two[0], one[1]])
    assert [(message.source_addr, message.text) for message in messages] == [("999", "b" * 200), ("111", "a" * 200)]


@pytest.mark.parametrize(
    "other",
    [
        mo(b"\5\0\3\7\2\2bb", destination="5678"), mo(b"\5\0\3\x08\2\2bb"), mo(b"\5\0\3\7\3\2bb"),
        mo(b"\6\x08\4\0\7\2\2bb"),
        mo(b"bb", esm_class=0, tlvs=tlv(0x20C, b"\0\7") + tlv(0x20E, b"\2") + tlv(0x20F, b"\2")),
    ],
)  # fmt: skip
def test_what_differs_in_anything_does_not_mix(other: DeliverSm) -> None:
    store = Reassembler()
    assert join(store, [mo(b"\5\0\3\7\2\1aa"), other]) == []
    assert len(store) == 2


def test_parts_may_be_told_by_parameters() -> None:
    def sar(part: int, text: str) -> DeliverSm:
        tlvs = tlv(0x20C, b"\x12\x34") + tlv(0x20E, b"\2") + tlv(0x20F, bytes((part,)))
        return mo(text.encode("utf-16-be"), esm_class=0, tlvs=tlvs)

    assert [message.text for message in join(Reassembler(), [sar(2, "да"), sar(1, "Прав")])] == ["Правда"]


def test_a_data_sm_is_a_part_too() -> None:
    payload = tlv(0x0424, b"\5\0\3\7\1\1" + "да".encode("utf-16-be"))
    part = part_of(DataSm(source_addr=PHONE, esm_class=0x40, data_coding=8, tlvs=Tlvs(payload)))
    (message,) = Reassembler().add(part, 0.0).messages
    assert message.text == "да"


@pytest.mark.parametrize(
    "octets, rest",
    [
        (b"\6\5\4\x0b\x84\x23\xf0Hello", b"Hello"),  # ports
        (b"\5\0\3\xaf\0\1Hello", b"Hello"),  # of 0 parts
        (b"\5\0\3\xaf\2\0Hello", b"Hello"),  # part 0
        (b"\5\0\3\xaf\2\3Hello", b"Hello"),  # part 3 of 2
        (b"\4\0\2\xaf\2Hello", b"Hello"),  # an element too short
        (b"\x50Hello", b"\x50Hello"),  # longer than there is
        (b"", b""),
        (b"\0Hello", b"Hello"),
    ],
)
def test_a_header_that_says_nothing_of_parts_is_a_message_of_its_own(octets: bytes, rest: bytes) -> None:
    part = part_of(mo(octets, data_coding=0))
    assert part.key is None
    assert part.octets == rest
    (message,) = Reassembler().add(part, 0.0).messages
    assert message.is_complete
    assert (message.source_addr, message.destination_addr, message.total) == (PHONE, "1234", 1)


def test_ports_beside_parts() -> None:
    part = part_of(mo(b"\x0b\5\4\x0b\x84\x23\xf0\0\3\xaf\2\1Hello", data_coding=0))
    assert part.key == Key(PHONE, "1234", 0xAF, 2, 1)
    assert part.octets == b"Hello"


def test_without_the_bit_there_is_no_header() -> None:
    part = part_of(mo(b"\5\0\3\7\2\1aa", esm_class=0, data_coding=0))
    assert part.key is None
    assert part.octets == b"\5\0\3\7\2\1aa"


def test_a_duplicate_is_ignored_before_and_after_completion() -> None:
    first, second = parts_of("a" * 200)
    store = Reassembler()
    assert not store.add(part_of(first), 0.0).duplicate
    assert store.add(part_of(first), 1.0).duplicate
    assert len(store.add(part_of(second), 2.0).messages) == 1
    assert store.add(part_of(first), 3.0).duplicate
    assert store.add(part_of(second), 3.0).duplicate
    assert (store.duplicates, len(store)) == (3, 0)


def test_a_reference_used_again_begins_a_new_message() -> None:
    old, new = parts_of("a" * 200), parts_of("b" * 200)
    store = Reassembler()
    assert [message.text for message in join(store, [*old, *new])] == ["a" * 200, "b" * 200]


def test_a_reference_used_again_surfaces_what_was_incomplete() -> None:
    old, new = parts_of("a" * 200), parts_of("b" * 200)
    store = Reassembler()
    (left, whole) = join(store, [old[0], *new])
    assert not left.is_complete
    assert left.missing == (2,)
    assert left.text == "a" * 153 + "…"
    assert whole.text == "b" * 200
    assert store.surfaced == 1


def test_what_waits_too_long_is_surfaced() -> None:
    store = Reassembler(ttl=100.0)
    assert store.next_deadline() is None
    join(store, [parts_of("a" * 400, reference=1)[1]], now=5.0)
    join(store, [parts_of("a" * 400, reference=2)[0]], now=50.0)
    assert store.next_deadline() == 105.0
    assert store.expire(104.9) == []
    (message,) = store.expire(105.0)
    assert message.missing == (1, 3)
    assert message.text == "…" + "a" * 153 + "…"
    assert message.first_at == 5.0
    assert store.next_deadline() == 150.0
    assert len(store.expire(1000.0)) == 1
    assert (len(store), store.stored_parts, store.surfaced) == (0, 0, 2)


def test_the_memory_of_what_was_complete_fades() -> None:
    store = Reassembler(ttl=100.0)
    pdus = parts_of("a" * 200)
    join(store, pdus)
    store.expire(100.0)
    assert store.add(part_of(pdus[0]), 100.0).messages == []
    assert len(store) == 1


def test_the_oldest_makes_room() -> None:
    store = Reassembler(max_messages=3)
    surfaced = join(store, [parts_of("a" * 200, reference=number)[0] for number in range(5)])
    assert [message.parts[0].key.reference for message in surfaced if message.parts[0].key] == [0, 1]
    assert len(store) == 3
    store = Reassembler(max_parts=4)
    long = parts_of("a" * 900)
    surfaced = join(store, [parts_of("b" * 200, reference=9)[0], *long[:5]])
    assert [message.text for message in surfaced] == ["b" * 153 + "…", "a" * 153 * 4 + "a" * 153 + "…"]
    assert (len(store), store.stored_parts) == (0, 0)


def test_what_was_complete_is_bounded_too() -> None:
    store = Reassembler(max_messages=2)
    for number in range(50):
        join(store, parts_of("a" * 200, reference=number))
    assert len(store._done) == 2
    assert store.completed == 50


def test_at_the_end_everything_is_given_out() -> None:
    store = Reassembler()
    join(store, [parts_of("a" * 200, reference=number)[0] for number in range(3)])
    assert [message.missing for message in store.flush()] == [(2,)] * 3
    assert len(store) == 0


def test_a_surrogate_pair_cut_by_the_sender_is_joined() -> None:
    octets = "a😀b".encode("utf-16-be")
    pdus = [mo(b"\5\0\3\7\2\1" + octets[:4]), mo(b"\5\0\3\7\2\2" + octets[4:])]
    (message,) = join(Reassembler(), pdus)
    assert message.text == "a😀b"


def test_parts_in_two_codings_are_read_each_in_its_own() -> None:
    pdus = [mo(b"\5\0\3\7\3\1Caf\5", data_coding=0), mo(b"\5\0\3\7\3\2" + "да".encode("utf-16-be")),
            mo(b"\5\0\3\7\3\3\x00\xff", data_coding=4)]  # fmt: skip
    (message,) = join(Reassembler(), pdus)
    assert message.text == "Caféда"
    assert message.parts[2].octets == b"\x00\xff"


@pytest.mark.parametrize("limit", [{"ttl": 0}, {"max_messages": 0}, {"max_parts": -1}])
def test_limits_are_limits(limit: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        Reassembler(**limit)


def test_nothing_shows_a_number_or_a_text() -> None:
    first, second = parts_of("code 4711 " * 20)
    store = Reassembler()
    join(store, [first])
    shown = repr([part_of(first), part_of(first).key, *join(store, [second])])
    assert PHONE not in shown
    assert "4711" not in shown


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 5)), max_size=60))
def test_every_part_is_given_out_once_or_is_a_duplicate(arrivals: list[tuple[int, int, int]]) -> None:
    store = Reassembler(ttl=10.0, max_messages=2, max_parts=5)
    given_out: list[object] = []
    taken: list[object] = []
    now = 0.0
    for number, (reference, part, wait) in enumerate(arrivals):
        now += wait
        given_out += [token for message in store.expire(now) for token in message.tokens]
        octets = bytes((5, 0, 3, reference, 4, part)) + b"text %d" % (number % 7)
        joined = store.add(part_of(mo(octets, data_coding=0), token=number), now)
        assert not (joined.duplicate and joined.messages)
        if not joined.duplicate:
            taken.append(number)
        given_out += [token for message in joined.messages for token in message.tokens]
        assert len(store) <= 2
        assert store.stored_parts <= 5
    given_out += [token for message in store.flush() for token in message.tokens]
    assert sorted(given_out, key=str) == sorted(taken, key=str)


def test_a_part_made_by_hand() -> None:
    part = Part(octets=b"a", data_coding=0, number=9, key=Key("1", "2", 3, 2, 1))
    assert Reassembler().add(part, 0.0).messages == []
