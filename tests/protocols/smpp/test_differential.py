"""The same PDUs in foreign hands.

aiosmpplib's encoder is sound (so is smpplib's, which shares no line with it);
their decoders are not, so only plain PDUs are put to them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aiosmpplib
import pytest
import smpplib.smpp
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.smpp.pdu import (
    Bind,
    BindResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    Tlvs,
    Unbind,
    UnbindResp,
    decode,
    encode,
    format_absolute,
    format_relative,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus, Tag
from sms_traffic_async.secrets import Secret
from sms_traffic_async.text import segment

ascii_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
digits = st.text("0123456789", max_size=15)
octet = st.integers(0, 255)
sequences = st.integers(1, 0x7FFFFFFF)
GSM = "ABCxyz0189 @£$¥èéùìòÇØøÅå_ÆæßÉ!#%&()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà\n\r"
texts = st.one_of(st.text(GSM, min_size=1, max_size=160), st.text("АБВГДабвгд№😀 ", min_size=1, max_size=35))


def theirs(pdu: Any) -> bytes:
    octets = pdu.pdu()
    assert isinstance(octets, bytes)
    return octets


fields = st.fixed_dictionaries(
    dict.fromkeys(("protocol_id", "priority_flag", "registered_delivery"), octet) | {"esm_class": st.integers(0, 63)}
)
validities = st.one_of(st.none(), st.integers(1, 29 * 86_400))


@given(digits, ascii_text, texts, fields, st.sampled_from([1, 5]), sequences, validities, st.lists(octet, max_size=3))
def test_submit_and_deliver_as_aiosmpplib_writes_them(
    to: str,
    originator: str,
    text: str,
    numbers: dict[str, Any],
    ton: int,
    sequence: int,
    validity: int | None,
    codes: list[int],
) -> None:
    cut = segment(text)
    source, destination = aiosmpplib.PhoneNumber(originator, aiosmpplib.TON(ton)), aiosmpplib.PhoneNumber(to)
    for ours, kind in ((SubmitSm, aiosmpplib.SubmitSm), (DeliverSm, aiosmpplib.DeliverSm)):
        foreign = kind(
            sequence_num=sequence, short_message=text, source=source, destination=destination,
            optional_params=[aiosmpplib.OptionalParam(Tag.USER_RESPONSE_CODE, code) for code in codes],
            validity_period=None if validity is None else timedelta(seconds=validity),
            encoding=None if cut.data_coding == 0 else "ucs2", **numbers,
        )  # fmt: skip
        own = ours(
            source_addr_ton=ton, source_addr=originator, dest_addr_ton=0, dest_addr_npi=0, destination_addr=to,
            validity_period="" if validity is None else format_relative(validity), data_coding=cut.data_coding,
            short_message=cut.octets, tlvs=Tlvs.build((Tag.USER_RESPONSE_CODE, bytes((code,))) for code in codes),
            **numbers,
        )  # fmt: skip
        assert encode(own, sequence).hex() == theirs(foreign).hex()
        assert decode(theirs(foreign)) == (sequence, own)


BINDS = {
    BindMode.TRANSMITTER: (aiosmpplib.BindTransmitter, aiosmpplib.BindTransmitterResp),
    BindMode.RECEIVER: (aiosmpplib.BindReceiver, aiosmpplib.BindReceiverResp),
    BindMode.TRANSCEIVER: (aiosmpplib.BindTransceiver, aiosmpplib.BindTransceiverResp),
}


@given(st.sampled_from(BindMode), ascii_text, ascii_text, ascii_text, ascii_text, sequences)
def test_binds_as_aiosmpplib_writes_them(
    mode: BindMode, system_id: str, password: str, system_type: str, address_range: str, sequence: int
) -> None:
    system_id, password, system_type = system_id[:15], password[:8], system_type[:12]
    foreign = BINDS[mode][0](
        sequence_num=sequence, system_id=system_id, password=password, system_type=system_type,
        address_range=address_range,
    )  # fmt: skip
    own = Bind(mode=mode, system_id=system_id, password=Secret(password), system_type=system_type,
               address_range=address_range)  # fmt: skip
    assert encode(own, sequence) == theirs(foreign)
    assert decode(theirs(foreign)) == (sequence, own)


@given(st.sampled_from(BindMode), ascii_text, st.sampled_from([None, 0x34]), sequences)
def test_bind_responses_as_aiosmpplib_writes_them(
    mode: BindMode, system_id: str, version: int | None, sequence: int
) -> None:
    system_id = system_id[:15]
    foreign = BINDS[mode][1](sequence_num=sequence, system_id=system_id, sc_interface_version=version)
    tlvs = Tlvs.build([] if version is None else [(Tag.SC_INTERFACE_VERSION, bytes((version,)))])
    assert decode(theirs(foreign)) == (sequence, BindResp(mode=mode, system_id=system_id, tlvs=tlvs))
    assert encode(BindResp(mode=mode, system_id=system_id, tlvs=tlvs), sequence) == theirs(foreign)


@given(ascii_text, sequences, st.sampled_from(list(aiosmpplib.SmppCommandStatus)))
def test_answers_as_aiosmpplib_writes_them(message_id: str, sequence: int, status: Any) -> None:
    for ours, kind in ((SubmitSmResp, aiosmpplib.SubmitSmResp), (DeliverSmResp, aiosmpplib.DeliverSmResp)):
        foreign = kind(sequence_num=sequence, command_status=status, message_id=message_id)
        own = ours(command_status=CommandStatus(int(status)), message_id=message_id)
        assert encode(own, sequence) == theirs(foreign)
        assert decode(theirs(foreign)) == (sequence, own)


@pytest.mark.parametrize(
    "own, kind",
    [
        (EnquireLink(), aiosmpplib.EnquireLink), (EnquireLinkResp(), aiosmpplib.EnquireLinkResp),
        (Unbind(), aiosmpplib.Unbind), (UnbindResp(), aiosmpplib.UnbindResp),
    ],
)  # fmt: skip
def test_bare_headers_as_aiosmpplib_writes_them(own: Pdu, kind: Any) -> None:
    assert encode(own, 77) == theirs(kind(sequence_num=77))
    nack = aiosmpplib.GenericNack(sequence_num=77, command_status=aiosmpplib.SmppCommandStatus.ESME_RINVCMDID)
    assert encode(GenericNack(command_status=CommandStatus.ESME_RINVCMDID), 77) == theirs(nack)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001 - made aware below
def test_absolute_times_as_aiosmpplib_writes_them_in_utc(moment: datetime) -> None:
    # East and west of it they are wrong.
    moment = moment.replace(tzinfo=UTC)
    assert format_absolute(moment) == aiosmpplib.SubmitSm.datetime_to_smpp_time(moment)


class _Numbers:
    """What smpplib takes sequence numbers from."""

    sequence = 0

    def next_sequence(self) -> int:
        return self.sequence


def smpplib_pdu(command: str, sequence: int, **fields: Any) -> bytes:
    numbers = _Numbers()
    numbers.sequence = sequence
    octets = smpplib.smpp.make_pdu(command, client=numbers, **fields).generate()
    assert isinstance(octets, bytes)
    return octets


@given(digits, ascii_text, st.binary(max_size=254), octet, octet, sequences)
def test_messages_as_smpplib_writes_and_reads_them(
    to: str, originator: str, message: bytes, esm_class: int, coding: int, sequence: int
) -> None:
    for ours, command in ((SubmitSm, "submit_sm"), (DeliverSm, "deliver_sm")):
        own = ours(
            source_addr_ton=5, source_addr=originator, destination_addr=to, esm_class=esm_class, data_coding=coding,
            registered_delivery=1, short_message=message,
        )  # fmt: skip
        frame = smpplib_pdu(
            command, sequence, source_addr_ton=5, source_addr=originator, dest_addr_ton=1, dest_addr_npi=1,
            destination_addr=to, esm_class=esm_class, data_coding=coding, registered_delivery=1,
            short_message=message,
        )  # fmt: skip
        assert decode(frame) == (sequence, own)
        assert encode(own, sequence).hex() == frame.hex()


@given(ascii_text, sequences)
def test_answers_as_smpplib_reads_them(message_id: str, sequence: int) -> None:
    frame = encode(SubmitSmResp(message_id=message_id), sequence)
    read = smpplib.smpp.parse_pdu(frame, client=_Numbers(), allow_unknown_opt_params=True)
    assert read.command == "submit_sm_resp"
    assert (read.sequence, read.message_id or b"") == (sequence, message_id.encode())


@given(ascii_text, st.binary(max_size=254), st.binary(min_size=1, max_size=20))
def test_receipts_as_smpplib_reads_them(message_id: str, message: bytes, payload: bytes) -> None:
    tlvs = Tlvs.build([(Tag.RECEIPTED_MESSAGE_ID, message_id.encode() + b"\0"), (Tag.MESSAGE_STATE, b"\2"),
                       (Tag.MESSAGE_PAYLOAD, payload)])  # fmt: skip
    own = DeliverSm(source_addr="79161112233", destination_addr="1234", esm_class=4, short_message=message, tlvs=tlvs)
    read = smpplib.smpp.parse_pdu(encode(own, 7), client=_Numbers(), allow_unknown_opt_params=True)
    assert (read.source_addr, read.destination_addr) == (b"79161112233", b"1234")
    assert (read.short_message or b"", read.esm_class, read.message_state) == (message, 4, 2)
    assert (read.receipted_message_id or b"", read.message_payload) == (message_id.encode(), payload)
