"""The fuzzer's entry functions hold on a few hundred inputs, so that a fuzzer finds them working."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.smpp.fuzz_targets import TARGETS, fuzz_pdu, fuzz_receipt, fuzz_receiving, fuzz_session, fuzz_udh
from tests.protocols.smpp.pair import deliver, raw, tlv

COMMANDS = [*range(1, 10), 0x0B, 0x15, 0x21, 0x102, 0x103]
frames = st.tuples(
    st.sampled_from([*COMMANDS, *(0x80000000 | command for command in [0, *COMMANDS]), 0x99]),
    st.sampled_from([0, 5, 0x400]),
    st.integers(0, 3),
    st.binary(max_size=60),
).map(lambda made: raw(made[0], made[2], made[3], made[1]))
SEED = deliver(
    b"id:1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:x", esm_class=4, tlvs=tlv(0x001E, b"1\0") + tlv(0x427, b"\2")
)

PART = deliver(b"\5\0\3\7\2\1abc", esm_class=0x40)


@given(st.one_of(frames.map(lambda frame: frame[4:]), st.binary(max_size=80)))
def test_pdu(data: bytes) -> None:
    fuzz_pdu(data)


@given(st.binary(max_size=200))
def test_receipt(data: bytes) -> None:
    fuzz_receipt(data)


@given(st.binary(max_size=300))
def test_udh(data: bytes) -> None:
    fuzz_udh(data)


@given(st.lists(st.one_of(frames, st.just(SEED), st.binary(max_size=20)), max_size=6).map(b"".join))
def test_session(data: bytes) -> None:
    fuzz_session(data)


@given(st.lists(st.one_of(frames, st.just(SEED), st.just(PART), st.just(b"\r\n")), max_size=9).map(b"".join))
def test_receiving(data: bytes) -> None:
    fuzz_receiving(data)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_octet_of_a_real_message_may_be_any_other(target: object) -> None:
    assert callable(target)
    for at in range(len(SEED)):
        for value in (0, 1, 0x7F, 0xFF, SEED[at] ^ 1):
            target(SEED[:at] + bytes((value,)) + SEED[at + 1 :])
