"""Delivery receipts: octets in, status updates and acknowledgements out, against aiosmpplib's parser alone.

Ours: the session takes the octets, every receipt is read (parameters and text),
looked for among what was handed over before, matched with its message, handed
to the application as a `StatusUpdate`, acknowledged, and the answers' octets
are made. Theirs: `parse_header`, `DeliverSm.from_pdu`, `parse_receipt`, and
nothing else. Each receipt comes once: the document's table 3 with the two
parameters that the platform sends. ``in one read`` is how many PDUs come with one
``data_received``. A link that has as many receipts as it can take brings many in a
read, and what is asked is asked of that; one in a read is the price of one that
comes alone.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Options, finish, machine, median_ratio, parse_args, version
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.protocols.smpp.pdu import Bind, DeliverSm, Response, Tlvs, encode
from sms_traffic_async.protocols.smpp.protocol import Requested, Role, Session
from sms_traffic_async.protocols.smpp.receiving import Receiving
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.secrets import Secret

READS = (1, 10, 50)
WANTED = {10: 8.0, 50: 8.0}
DISTINCT = 60_000
"""More than is remembered, so that none is taken for a repeat when its turn comes again."""


def receipt(number: int) -> tuple[str, bytes]:
    message_id = str(1_046_379_029_789_147_161 + number)
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2511271358 done date:251127{1400 + number // 500 % 60} "
        "stat:DELIVRD err:000 text:Your code is"
    )
    pdu = DeliverSm(
        source_addr=str(79_160_000_000 + number),
        source_addr_ton=1,
        source_addr_npi=1,
        destination_addr="SMSTraffic",
        esm_class=4,
        short_message=text.encode(),
        tlvs=Tlvs.build([(0x0427, b"\2"), (0x001E, message_id.encode() + b"\0")]),
    )
    return message_id, encode(pdu, number % 0x7FFFFFFF + 1)


class Wire:
    """A bound session, and what a link does with it."""

    server = "server1"

    def __init__(self) -> None:
        self.session = Session(Role.ESME, 0.0)
        bind = Bind(mode=BindMode.TRANSCEIVER, system_id="benchmark", password=Secret("secret"))
        sequence = self.session.bind(bind, 0.0)
        answer = (0x80000009).to_bytes(4) + bytes(4) + sequence.to_bytes(4) + b"SMSC\0"
        self.session.receive_data((len(answer) + 4).to_bytes(4) + answer, 0.0)
        self.session.events()
        self.session.data_to_send()
        self.acknowledge = self.session.acknowledge
        self.receiving = Receiving()
        self.receiving.updates = self.update
        self.receiving.oldest_unanswered = lambda: None
        self.delivered = self.octets_out = 0

    def answer(self, event: Requested, response: Response) -> None:
        """A data_sm's."""
        self.session.answer(event, response, 0.0)

    def update(self, updates: Sequence[StatusUpdate]) -> bool:
        """The application: takes everything."""
        self.delivered += len(updates)
        return True

    def data_received(self, data: bytes) -> None:
        """One read."""
        session = self.session
        session.receive_data(data, 0.0)
        requests = [event for event in session.events() if type(event) is Requested]
        self.receiving.take(requests, self, 0.0)
        self.octets_out += len(session.data_to_send())


def theirs() -> Callable[[bytes], object]:
    """A receipt as aiosmpplib reads it."""
    from aiosmpplib.protocol import DeliverSm as Theirs
    from aiosmpplib.protocol import SmppMessage

    def parse(pdu: bytes) -> object:
        message: Any = Theirs.from_pdu(pdu, SmppMessage.parse_header(pdu[:16]), "gsm0338")
        found = message.parse_receipt()
        assert found["stat"] == "DELIVRD"
        return found

    return parse


def reads(receipts: Sequence[tuple[str, bytes]], size: int) -> Iterator[tuple[list[str], bytes]]:
    """For ever: ids, and the octets of so many receipts."""
    groups = [receipts[at : at + size] for at in range(0, len(receipts) - size + 1, size)]
    made = [([message_id for message_id, _ in group], b"".join(pdu for _, pdu in group)) for group in groups]
    return cycle(made)


def compare(options: Options, receipts: Sequence[tuple[str, bytes]], size: int) -> tuple[float, float]:
    """(our microseconds a receipt, ratio), in turns with the peer."""
    wire, parse = Wire(), theirs()
    ours_source, theirs_source = reads(receipts, size), cycle([pdu for _, pdu in receipts])
    per_round, rounds = 1000, 40 if options.quick else 200
    spent: dict[str, list[float]] = {"ours": [], "theirs": []}
    gc.disable()
    for _ in range(rounds):
        group = [next(ours_source) for _ in range(per_round // size)]
        for ids, _ in group:
            for message_id in ids:
                wire.receiving.submitted(message_id, 0.0)
        started = time.perf_counter()
        for _, data in group:
            wire.data_received(data)
        spent["ours"].append((time.perf_counter() - started) / per_round)
        some = [next(theirs_source) for _ in range(per_round // 10)]
        started = time.perf_counter()
        for pdu in some:
            parse(pdu)
        spent["theirs"].append((time.perf_counter() - started) / len(some))
        gc.collect(0)
    gc.enable()
    stats = wire.receiving.stats()
    assert wire.delivered == stats.receipts == rounds * per_round
    assert (stats.unmatched, stats.duplicates) == (0, 0)
    assert wire.octets_out == rounds * per_round * 17
    ratio = median_ratio(spent["theirs"], spent["ours"])
    ours_us, theirs_us = (statistics.median(spent[name]) * 1e6 for name in ("ours", "theirs"))
    options.say(
        f"| {size} | {ours_us:.2f} | {1e6 / ours_us:,.0f} | {theirs_us:.1f} | {1e6 / theirs_us:,.0f} | {ratio:.1f} |"
    )
    return ours_us, ratio


def main() -> None:
    options = parse_args(__doc__ or "")
    options.say(f"{machine()}, aiosmpplib {version('aiosmpplib')}\n")
    options.say("| in one read | ours, µs | receipts/s | aiosmpplib's parser, µs | receipts/s | ratio |")
    options.say("|---|---|---|---|---|---|")
    receipts = [receipt(number) for number in range(DISTINCT)]
    found = {size: compare(options, receipts, size) for size in READS}
    finish(
        "receipts",
        {f"aiosmpplib_parser_in_reads_of_{size}": ratio for size, (_, ratio) in found.items()},
        {"microseconds": {str(size): round(spent, 2) for size, (spent, _) in found.items()}},
        wanted={f"aiosmpplib_parser_in_reads_of_{size}": least for size, least in WANTED.items()},
    )


if __name__ == "__main__":
    main()
