"""Entry functions for a fuzzer, over everything here that reads what a peer wrote.

Each takes any octets and returns; the only exception that may leave a decoder
is `PduError`, and these catch it. They are run by ``nox -s fuzz`` under atheris,
and with a handful of inputs by the normal suite, so that they do not rot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.pdu import DeliverSm, PduError, Tlvs, decode, encode, parse_time
from sms_traffic_async.protocols.smpp.protocol import Requested
from sms_traffic_async.protocols.smpp.reassembly import Reassembler, part_of
from sms_traffic_async.protocols.smpp.receipts import is_receipt, read_receipt, read_update
from tests.protocols.smpp.pair import bound_esme, bound_smsc
from tests.protocols.smpp.receiving_kit import Application

__all__ = ("TARGETS", "fuzz_pdu", "fuzz_receipt", "fuzz_receiving", "fuzz_session", "fuzz_udh")


def fuzz_pdu(data: bytes) -> None:
    """One PDU: what is read is written as something that reads the same."""
    frame = (len(data) + 4).to_bytes(4) + data
    try:
        sequence, pdu = decode(frame)
    except PduError:
        return
    assert repr(pdu)
    assert pdu.command == int.from_bytes(frame[4:8])
    try:
        again = encode(pdu, sequence)
    except LocalProtocolError as error:
        # 255 octets, destinations or refusals can be read; 254 are written.
        if "at most 254" not in str(error):
            raise
        return
    assert decode(again) == (sequence, pdu)


def fuzz_receipt(data: bytes) -> None:
    """Three octets of header, then parameters, then text."""
    esm_class, data_coding, cut = (*data[:3], 0, 0, 0)[:3]
    tlvs, text = Tlvs(data[3 : 3 + cut]), data[3 + cut :]
    pdu = DeliverSm(esm_class=esm_class, data_coding=data_coding, short_message=text, tlvs=tlvs)
    is_receipt(pdu)
    receipt = read_receipt(pdu)
    update = receipt.update()
    assert update.status == receipt.status
    assert read_update(pdu, None) == (update, receipt.text_id)
    assert repr(receipt)
    parse_time(text.decode("latin-1"))


def fuzz_udh(data: bytes) -> None:
    """Parts of up to 20 octets after a header's length and an esm_class, put together."""
    store = Reassembler(max_messages=4, max_parts=8)
    out = taken = 0
    for number in range(0, len(data), 22):
        piece = data[number : number + 22]
        pdu = DeliverSm(esm_class=piece[0] | 0x40, data_coding=piece[-1], short_message=piece[1:])
        joined = store.add(part_of(pdu), float(number))
        taken += not joined.duplicate
        out += sum(len(message.parts) for message in joined.messages)
        assert all(isinstance(message.text, str) for message in joined.messages)
        assert store.stored_parts <= 8
    assert out + sum(len(message.parts) for message in store.flush()) == taken


def fuzz_session(data: bytes) -> None:
    """A stream to a bound session of either role, cut at every seventh octet and whole: both hear the same."""
    for make in (bound_esme, bound_smsc):
        whole, cut = make(), make()
        whole.receive_data(data, 1.0)
        for number in range(0, len(data), 7):
            cut.receive_data(data[number : number + 7], 1.0)
        events = whole.events()
        assert events == cut.events()
        assert whole.data_to_send() == cut.data_to_send()
        for session in (whole, cut):
            session.on_time(2.0)
            for event in events:
                if isinstance(event, Requested) and session.owed and not session.is_closed:
                    session.next_deadline()
            session.receive_eof(3.0)
            assert session.is_closed


def fuzz_receiving(data: bytes) -> None:
    """A stream to a bound client and what listens behind it: every request is answered once, whatever it holds."""
    app = Application(max_held=3)
    side = app.side()
    # A request that is answered twice raises; see `Session.acknowledge`.
    for number, piece in enumerate(data.split(b"\r\n")):
        app.in_flight = [app.clock.now] if number % 2 else []
        app.room = 1000 if number % 3 else 0
        side.hear(piece)
        app.receiving.submitted(str(number), app.clock.now)
        app.clock.now += 1.0
        app.receiving.on_time(app.clock.now)
    while app.acks:
        app.acks.pop()()
    app.room = 1000
    app.receiving.close(app.clock.now)
    while app.acks:
        app.acks.pop()()
    assert side.session.is_closed or not side.session.owed
    assert app.receiving.stats().inbox.unacknowledged == 0


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "pdu": fuzz_pdu,
    "receipt": fuzz_receipt,
    "udh": fuzz_udh,
    "session": fuzz_session,
    "receiving": fuzz_receiving,
}
"""By name, for a fuzzer's command line."""
