"""Every PDU of SMPP 3.4, both ways, against bytes written by hand."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import struct
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import LocalProtocolError, RemoteProtocolError
from sms_traffic_async.protocols.smpp import pdu as pdu_module
from sms_traffic_async.protocols.smpp.fields import read_fields, write_fields
from sms_traffic_async.protocols.smpp.pdu import (
    MAX_PDU_BYTES,
    NO_TLVS,
    REQUESTS,
    RESPONSES,
    Address,
    AlertNotification,
    Bind,
    BindResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    PduError,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    ReplaceSmResp,
    Response,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    SubmitTemplate,
    Tlvs,
    Unbind,
    UnbindResp,
    Unsuccessful,
    decode,
    encode,
    refusal,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Command, CommandStatus
from sms_traffic_async.secrets import Secret
from tests.protocols.smpp.pair import PASSWORD, raw, tlv

OK = CommandStatus.ESME_ROK
PHONE = "79161112233"
TEXT = "Ваш код 4711".encode("utf-16-be")

# Document, table 1: 0x34, the login and the password, everything else empty.
TABLE_1 = b"example\0" + b"p@ssw0rd\0" + b"\0" + b"\x34" + b"\0\0" + b"\0"
# Document, table 2: a letter originator is 5/0, a digit one 1/1, the phone 1/1, the unsupported fields empty.
TABLE_2 = (
    b"\0" b"\x05\x00SMSTraffic\0" b"\x01\x0179161112233\0" b"\0\0\0" b"\0" b"000000001000000R\0"
    b"\x01\0" b"\x08\0" b"\x18" + TEXT
)  # fmt: skip

ROUND_TRIPS: list[tuple[Pdu, int, bytes]] = [
    (Bind(mode=BindMode.TRANSCEIVER, system_id="example", password=Secret("p@ssw0rd")), 0x09, TABLE_1),
    (Bind(mode=BindMode.TRANSMITTER, system_id="example", password=Secret("p@ssw0rd")), 0x02, TABLE_1),
    (Bind(mode=BindMode.RECEIVER, system_id="example", password=Secret("p@ssw0rd")), 0x01, TABLE_1),
    (
        Bind(system_id="a", password=Secret(PASSWORD), system_type="VMS", addr_ton=1, addr_npi=1, address_range="7*"),
        0x09,
        b"a\0" + PASSWORD.encode() + b"\0VMS\0\x34\1\x017*\0",
    ),
    (BindResp(mode=BindMode.RECEIVER, system_id="SMSC"), 0x80000001, b"SMSC\0"),
    (BindResp(mode=BindMode.TRANSMITTER, system_id=""), 0x80000002, b"\0"),
    (BindResp(system_id="SMSC", tlvs=Tlvs(tlv(0x0210, b"\x34"))), 0x80000009, b"SMSC\0\x02\x10\0\1\x34"),
    (Outbind(system_id="SMSC", password=Secret("x")), 0x0B, b"SMSC\0x\0"),
    (Unbind(), 0x06, b""),
    (UnbindResp(), 0x80000006, b""),
    (EnquireLink(), 0x15, b""),
    (EnquireLinkResp(), 0x80000015, b""),
    (GenericNack(command_status=CommandStatus.ESME_RINVCMDID), 0x80000000, b""),
    (
        SubmitSm(
            source_addr_ton=5, source_addr_npi=0, source_addr="SMSTraffic", destination_addr=PHONE,
            validity_period="000000001000000R", registered_delivery=1, data_coding=8, short_message=TEXT,
        ),
        0x04,
        TABLE_2,
    ),
    (
        SubmitSm(source_addr_ton=1, source_addr_npi=1, source_addr="79160000000", destination_addr=PHONE,
                 short_message=b"Hello"),
        0x04,
        b"\0\x01\x0179160000000\0\x01\x0179161112233\0\0\0\0\0\0\0\0\0\0\x05Hello",
    ),
    (
        DeliverSm(
            service_type="CMT", source_addr_ton=1, source_addr_npi=1, source_addr=PHONE, dest_addr_ton=0,
            dest_addr_npi=9, destination_addr="1234", esm_class=4, protocol_id=1, priority_flag=2,
            schedule_delivery_time="x", registered_delivery=3, replace_if_present_flag=1, data_coding=8,
            sm_default_msg_id=7, short_message=b"", tlvs=Tlvs(tlv(0x0427, b"\2")),
        ),
        0x05,
        b"CMT\0\1\x0179161112233\0\0\x091234\0\4\1\2x\0\0\3\1\x08\7\0" + tlv(0x0427, b"\2"),
    ),
    (SubmitSmResp(message_id="1046379029789147162"), 0x80000004, b"1046379029789147162\0"),
    (SubmitSmResp(message_id="1", tlvs=Tlvs(tlv(0x1D, b"ok\0"))), 0x80000004, b"1\0" + tlv(0x1D, b"ok\0")),
    (DeliverSmResp(), 0x80000005, b"\0"),
    (
        DataSm(source_addr=PHONE, destination_addr="1234", esm_class=4, data_coding=8,
               tlvs=Tlvs(tlv(0x0424, TEXT))),
        0x0103,
        b"\0\0\x0079161112233\0\1\x011234\0\4\0\x08" + tlv(0x0424, TEXT),
    ),
    (DataSmResp(message_id="7"), 0x80000103, b"7\0"),
    (QuerySm(message_id="7", source_addr_ton=1, source_addr_npi=1, source_addr=PHONE), 0x03, b"7\0\1\x0179161112233\0"),
    (
        QuerySmResp(message_id="7", final_date="251127135804712+", message_state=2, error_code=3),
        0x80000003,
        b"7\x00251127135804712+\0\2\3",
    ),
    (CancelSm(message_id="7", source_addr="1", destination_addr="2"), 0x08, b"\x007\0\0\x001\0\1\x012\0"),
    (CancelSmResp(), 0x80000008, b""),
    (ReplaceSm(message_id="7", source_addr="1", short_message=b"new"), 0x07, b"7\0\0\x001\0\0\0\0\0\3new"),
    (ReplaceSmResp(command_status=CommandStatus.ESME_RREPLACEFAIL), 0x80000007, b""),
    (
        SubmitMulti(source_addr="1", destinations=(Address("2"), DistributionList("all")), short_message=b"hi"),
        0x21,
        b"\0\0\x001\0" + b"\2" + b"\1\1\x012\0" + b"\2all\0" + b"\0\0\0\0\0\0\0\0\0\2hi",
    ),
    (
        SubmitMultiResp(message_id="7", unsuccessful=(Unsuccessful("2", 1, 1, CommandStatus.ESME_RINVDSTADR),),
                        tlvs=Tlvs(tlv(0x1D, b"no\0"))),
        0x80000021,
        b"7\0\1\1\x012\0\0\0\0\x0b" + tlv(0x1D, b"no\0"),
    ),
    (SubmitMultiResp(message_id="7"), 0x80000021, b"7\0\0"),
    (
        AlertNotification(source_addr=PHONE, esme_addr="1234", tlvs=Tlvs(tlv(0x0422, b"\0"))),
        0x0102,
        b"\0\x0079161112233\0\0\x001234\0" + tlv(0x0422, b"\0"),
    ),
]  # fmt: skip
IDS = [f"{type(pdu).__name__}-{number}" for number, (pdu, _, _) in enumerate(ROUND_TRIPS)]


def frame_of(pdu: Pdu, command: int, body: bytes) -> bytes:
    return raw(command, 7, body, pdu.command_status if isinstance(pdu, Response) else 0)


@pytest.mark.parametrize("pdu, command, body", ROUND_TRIPS, ids=IDS)
def test_written_as_the_specification_says(pdu: Pdu, command: int, body: bytes) -> None:
    assert encode(pdu, 7).hex(" ") == frame_of(pdu, command, body).hex(" ")
    assert pdu.command == command


@pytest.mark.parametrize("pdu, command, body", ROUND_TRIPS, ids=IDS)
def test_read_as_the_specification_says(pdu: Pdu, command: int, body: bytes) -> None:
    assert decode(frame_of(pdu, command, body)) == (7, pdu)


def test_every_command_of_the_specification_is_here() -> None:
    known = {*REQUESTS, *RESPONSES}
    assert known == {int(command) for command in Command}
    assert {command for _, command, _ in ROUND_TRIPS} == known


@pytest.mark.parametrize("pdu, command, body", ROUND_TRIPS, ids=IDS)
def test_cut_anywhere_it_is_read_or_refused_with_a_status(pdu: Pdu, command: int, body: bytes) -> None:
    for length in range(len(body)):
        frame = frame_of(pdu, command, body[:length])
        if isinstance(pdu, Response):
            _, found = decode(frame)
            assert found.command == command
            continue
        outcome = decode_or_error(frame)
        if isinstance(outcome, PduError):
            assert outcome.command_status in {0x01, 0x02, 0x40}  # lengths, or a destination that is none
            assert (outcome.command, outcome.sequence, outcome.fatal) == (command, 7, False)
        else:
            # Only optional parameters can be missing without a trace.
            assert dataclasses.replace(outcome, tlvs=NO_TLVS) == dataclasses.replace(pdu, tlvs=NO_TLVS)  # type: ignore[type-var]


def decode_or_error(frame: bytes) -> Pdu | PduError:
    try:
        return decode(frame)[1]
    except PduError as error:
        return error


@pytest.mark.parametrize("pdu, command, body", ROUND_TRIPS, ids=IDS)
def test_they_are_values(pdu: Pdu, command: int, body: bytes) -> None:
    found = decode(frame_of(pdu, command, body))[1]
    assert hash(found) == hash(pdu)
    assert not hasattr(found, "__dict__")
    for field in dataclasses.fields(found):  # type: ignore[arg-type] # every one is a dataclass
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(found, field.name, None)
    if not isinstance(pdu, (Bind, Outbind)):  # a Secret is not copied on purpose
        assert pickle.loads(pickle.dumps(found)) == copy.deepcopy(found) == pdu  # noqa: S301 - its own dump


octet = st.integers(0, 255)
c_string = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
tlv_lists = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=4).map(Tlvs.build)
short_messages = st.fixed_dictionaries(
    {
        **dict.fromkeys(("service_type", "source_addr", "destination_addr"), c_string),
        **dict.fromkeys(("schedule_delivery_time", "validity_period"), st.one_of(st.just(""), c_string)),
        **dict.fromkeys(
            (
                "source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi", "esm_class", "protocol_id",
                "priority_flag", "registered_delivery", "replace_if_present_flag", "data_coding", "sm_default_msg_id",
            ),
            octet,
        ),
        "short_message": st.binary(max_size=254),
        "tlvs": tlv_lists,
    }
)  # fmt: skip


@given(short_messages, st.sampled_from([SubmitSm, DeliverSm]), st.integers(0, 0xFFFFFFFF))
def test_the_fast_way_is_the_tables_way(fields: dict[str, Any], kind: type[SubmitSm], sequence: int) -> None:
    pdu = kind(**fields)
    assert pdu.body() == write_fields(pdu, pdu.layout)
    frame = encode(pdu, sequence)
    assert decode(frame) == (sequence, pdu)
    # In the middle of a buffer, between other octets, as the session reads it.
    found = kind.read(b"\0\xff" + frame + b"\0\0\0\xff", 18, 2 + len(frame), pdu.command)
    assert found == pdu
    assert type(found) is kind
    assert kind(**read_fields(kind.layout, frame, 16, len(frame))) == pdu
    assert all(hasattr(found, name) for name in fields)


@given(c_string, tlv_lists, st.integers(0, 0xFFFFFFFF))
def test_the_fast_answer_is_the_tables_answer(message_id: str, tlvs: Tlvs, status: int) -> None:
    pdu = SubmitSmResp(message_id=message_id, tlvs=tlvs, command_status=CommandStatus(status))
    assert pdu.body() == write_fields(pdu, pdu.layout)
    assert decode(encode(pdu, 1)) == (1, pdu)


@given(short_messages, st.text("0123456789", min_size=1, max_size=15), octet, octet)
def test_a_template_writes_the_same_octets(fields: dict[str, Any], phone: str, esm_class: int, coding: int) -> None:
    template = SubmitTemplate(SubmitSm(**fields))
    fields |= {"destination_addr": phone, "esm_class": esm_class, "data_coding": coding}
    for _ in range(2):
        assert template.body(phone, fields["short_message"], coding, esm_class) == SubmitSm(**fields).body()


@pytest.mark.parametrize("phone", ["", "7916 111", "7916\0", "+79161112233", "७९१६", "Ann"])
def test_a_template_takes_digits_only(phone: str) -> None:
    with pytest.raises(LocalProtocolError, match="destination_addr"):
        SubmitTemplate(SubmitSm()).body(phone, b"")


def test_a_template_takes_no_more_than_fits() -> None:
    with pytest.raises(LocalProtocolError, match="254 octets"):
        SubmitTemplate(SubmitSm()).body(PHONE, bytes(255))
    with pytest.raises(LocalProtocolError, match="esm_class"):
        SubmitTemplate(SubmitSm()).body(PHONE, b"", 0, 256)


@pytest.mark.parametrize(
    "pdu, field",
    [
        (SubmitSm(source_addr="a\0b"), "source_addr"),
        (SubmitSm(source_addr="Кот"), "source_addr"),
        (SubmitSm(service_type="a\0b"), "service_type"),
        (SubmitSm(destination_addr="7\0"), "destination_addr"),
        (SubmitSm(validity_period="\0"), "validity_period"),
        (SubmitSm(esm_class=256), "esm_class"),
        (SubmitSm(source_addr_ton=-1), "source_addr_ton"),
        (SubmitSm(dest_addr_npi=999), "dest_addr_npi"),
        (SubmitSm(short_message=bytes(255)), "short_message"),
        (SubmitSmResp(message_id="a\0"), "message_id"),
        (Bind(system_id="é\0"), "system_id"),
        (Bind(password=Secret("пароль")), "password"),
        (Bind(interface_version=300), "interface_version"),
        (SubmitMulti(destinations=(Address("2", ton=256),)), "destinations"),
        (SubmitMulti(destinations=(DistributionList("\0"),)), "destinations"),
        (SubmitMulti(destinations=(Address("2"),) * 255), "destinations"),
        (SubmitMultiResp(unsuccessful=(Unsuccessful("2", 1, 256, OK),)), "unsuccessful"),
        (SubmitMultiResp(unsuccessful=(Unsuccessful("2", 1, 1, OK),) * 255), "unsuccessful"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(pdu: Pdu, field: str) -> None:
    with pytest.raises(LocalProtocolError, match=field):
        encode(pdu, 1)


@pytest.mark.parametrize("sequence", [-1, 2**32])
def test_a_sequence_number_has_four_octets(sequence: int) -> None:
    with pytest.raises(LocalProtocolError):
        encode(EnquireLink(), sequence)


def test_a_pdu_has_a_longest_length() -> None:
    long = DataSm(tlvs=Tlvs.build([(0x0424, bytes(65_535))]))
    assert decode(encode(long, 1)) == (1, long)
    with pytest.raises(LocalProtocolError, match=str(MAX_PDU_BYTES)):
        encode(DataSm(tlvs=Tlvs(bytes(MAX_PDU_BYTES))), 1)


@pytest.mark.parametrize(
    "frame, status, fatal",
    [
        (b"", CommandStatus.ESME_RINVCMDLEN, True),
        (bytes(15), CommandStatus.ESME_RINVCMDLEN, True),
        (struct.pack(">IIII", 17, 0x15, 0, 1), CommandStatus.ESME_RINVCMDLEN, True),
        (struct.pack(">IIII", 15, 0x15, 0, 1), CommandStatus.ESME_RINVCMDLEN, True),
        (raw(0x04, 1, bytes(MAX_PDU_BYTES)), CommandStatus.ESME_RINVCMDLEN, True),
        (raw(0x99, 1), CommandStatus.ESME_RINVCMDID, False),
        (raw(0x80000099, 1), CommandStatus.ESME_RINVCMDID, False),
        (raw(0x04, 1), CommandStatus.ESME_RINVCMDLEN, False),
        (raw(0x04, 1, b"\0\1\x01a\0\1\x01b\0\0\0\0\0\0\0\0\0\0\x05abcd"), CommandStatus.ESME_RINVMSGLEN, False),
        (raw(0x21, 1, b"\0\0\x001\0\1\3"), CommandStatus.ESME_RINVDESTFLAG, False),
    ],
)
def test_one_error_with_the_status_to_answer(frame: bytes, status: CommandStatus, fatal: bool) -> None:
    with pytest.raises(PduError) as caught:
        decode(frame)
    assert isinstance(caught.value, RemoteProtocolError)
    assert caught.value.command_status == status
    assert caught.value.fatal is fatal
    assert pickle.loads(pickle.dumps(caught.value)).command_status == status  # noqa: S301 - its own dump


@given(st.binary(max_size=200), st.sampled_from(sorted({*REQUESTS, *RESPONSES, 0x99, 0x80000099})), octet)
def test_any_body_is_read_or_refused(body: bytes, command: int, status: int) -> None:
    found = decode_or_error(raw(command, 1, body, status))
    if isinstance(found, PduError):
        assert command in REQUESTS or command not in RESPONSES
        assert not found.fatal
    else:
        assert found.command == command
        assert repr(found)


def test_a_nack_is_never_a_yes() -> None:
    assert decode(raw(0x80000000, 1, status=0))[1] == GenericNack(command_status=CommandStatus.ESME_RUNKNOWNERR)


def test_the_text_is_found_wherever_it_stands() -> None:
    assert DeliverSm(short_message=b"a", tlvs=Tlvs.build([(0x0424, b"b")])).user_data == b"a"
    assert DeliverSm(tlvs=Tlvs.build([(0x0424, b"b")])).user_data == b"b"
    assert DeliverSm(tlvs=Tlvs.build([(0x0427, b"b")])).user_data == b""
    assert DeliverSm().user_data == DataSm().user_data == b""
    assert DataSm(tlvs=Tlvs.build([(0x0424, b"b")])).user_data == b"b"


@pytest.mark.parametrize(
    "command, expected",
    [
        (0x05, DeliverSmResp(command_status=CommandStatus.ESME_RSYSERR)),
        (0x02, BindResp(mode=BindMode.TRANSMITTER, command_status=CommandStatus.ESME_RSYSERR)),
        (0x21, SubmitMultiResp(command_status=CommandStatus.ESME_RSYSERR)),
        (0x03, QuerySmResp(command_status=CommandStatus.ESME_RSYSERR)),
        (0x0102, GenericNack(command_status=CommandStatus.ESME_RSYSERR)),
        (0x99, GenericNack(command_status=CommandStatus.ESME_RSYSERR)),
        (0x80000004, GenericNack(command_status=CommandStatus.ESME_RSYSERR)),
    ],
)
def test_every_request_has_a_refusal(command: int, expected: Response) -> None:
    assert refusal(command, CommandStatus.ESME_RSYSERR) == expected


def test_reprs_keep_texts_numbers_and_passwords_to_themselves() -> None:
    message = {"source_addr": PHONE, "destination_addr": PHONE, "short_message": b"code 4711"}
    shown = repr(
        [
            SubmitSm(**message), DeliverSm(**message),  # type: ignore[arg-type]
            DataSm(source_addr=PHONE, destination_addr=PHONE, tlvs=Tlvs.build([(0x0424, b"code 4711")])),
            SubmitMulti(destinations=(Address(PHONE),), source_addr=PHONE, short_message=b"code 4711"),
            SubmitMultiResp(unsuccessful=(Unsuccessful(PHONE, 1, 1, OK),)),
            Address(PHONE), CancelSm(source_addr=PHONE, destination_addr=PHONE),
            ReplaceSm(source_addr=PHONE, short_message=b"code 4711"), AlertNotification(source_addr=PHONE),
            Bind(system_id="example", password=Secret(PASSWORD)), Outbind(password=Secret(PASSWORD)),
        ]
    )  # fmt: skip
    assert PHONE not in shown
    assert "4711" not in shown
    assert PASSWORD not in shown
    assert "7916*****33" in shown


@pytest.mark.parametrize(
    "pdu",
    [
        Bind(system_id="example", password=Secret(PASSWORD), address_range="\0"),
        Bind(system_id="example", password=Secret(PASSWORD + "\0")),
        SubmitSm(source_addr=PHONE + "\0", destination_addr=PHONE, short_message=b"code 4711"),
        SubmitSm(destination_addr=PHONE, esm_class=999, short_message=b"code 4711"),
        SubmitSm(destination_addr=PHONE, short_message=b"code 4711" * 30),
    ],
)
def test_tracebacks_of_writing_show_nothing(pdu: Pdu) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode(pdu, 1)
    shown = "".join(ours(caught.value))
    assert PHONE not in shown
    assert "4711" not in shown
    assert PASSWORD not in shown


def test_tracebacks_of_a_template_show_nothing() -> None:
    template = SubmitTemplate(SubmitSm(source_addr="SMSTraffic"))
    for phone, text in ((PHONE, b"code 4711" * 30), (PHONE + "x", b"code 4711")):
        with pytest.raises(LocalProtocolError) as caught:
            template.body(phone, text)
        shown = "".join(ours(caught.value))
        assert PHONE not in shown
        assert "4711" not in shown


def test_tracebacks_of_reading_show_nothing() -> None:
    body = b"\0\1\x0179161112233\0\1\x011234\0\0\0\0\0\0\0\0\0\0\x50code 4711"
    with pytest.raises(PduError) as caught:
        decode(raw(0x05, 1, body))
    shown = "".join(ours(caught.value))
    assert PHONE not in shown
    assert "4711" not in shown
    with pytest.raises(PduError) as caught:
        decode(raw(0x09, 1, b"example\0" + PASSWORD.encode()))
    assert PASSWORD not in "".join(ours(caught.value))


def ours(error: BaseException) -> list[str]:
    """The traceback with the locals of the library's own frames, and of whatever is chained to it."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    for one in (shown, shown.__cause__, shown.__context__):
        if one is not None:
            one.stack[:] = [frame for frame in one.stack if "/tests/" not in frame.filename]
    return list(shown.format())


def test_the_public_names_are_there() -> None:
    assert all(hasattr(pdu_module, name) for name in pdu_module.__all__)
