"""Which server may be tried when, and which link serves: tables."""

from __future__ import annotations

import ssl
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sms_traffic_async.errors import LinkLost, TlsError
from sms_traffic_async.protocols.smpp.brake import Brake
from sms_traffic_async.protocols.smpp.doors import Door, Kind, Trouble, best_of, superfluous
from sms_traffic_async.protocols.smpp.events import Ended, EndReason
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus
from sms_traffic_async.settings_smpp import SmppServer

TRX, TX, RX = BindMode.TRANSCEIVER, BindMode.TRANSMITTER, BindMode.RECEIVER
ADDRESS = SmppServer(name="one", host="h", port=1, tls=False)
NETWORK = Trouble(kind=Kind.NETWORK, server="one")


def door() -> Door:
    return Door(ADDRESS, 0, stable_after=30)


@pytest.mark.parametrize(
    "status,kind",
    [(0x05, Kind.TAKEN), (0x0D, Kind.NO_MONEY), (0x0E, Kind.REFUSED), (0x0F, Kind.REFUSED), (0x58, Kind.BUSY),
     (0x08, Kind.BUSY), (0x400, Kind.BUSY)],
)  # fmt: skip
def test_statuses(status: int, kind: Kind) -> None:
    trouble = Trouble.of_status("one", CommandStatus(status))
    assert trouble.kind is kind
    assert f"0x{status:08X}" in trouble.sentence


def test_errors() -> None:
    assert Trouble.of_error("one", ConnectionRefusedError(111, "no")).kind is Kind.NETWORK
    assert Trouble.of_error("one", TimeoutError()).kind is Kind.NETWORK
    bad = Trouble.of_error("one", ssl.SSLCertVerificationError("expired"))
    assert bad.kind is Kind.CERTIFICATE
    assert isinstance(bad.cause, TlsError)
    ended = Trouble.of_end("one", Ended(reason=EndReason.BROKEN_FRAMING, detail="the peer speaks TLS"))
    assert isinstance(ended.cause, LinkLost)
    assert "the peer speaks TLS" in str(ended.cause)


def test_a_taken_slot_bars_receivers_only() -> None:
    one = door()
    one.refused(Trouble(kind=Kind.TAKEN, server="one"), 100.0, 0.5)
    assert one.ready_at(TRX) == one.ready_at(RX) == 107.5
    assert one.ready_at(TX) < 100


def test_back_off() -> None:
    one = door()
    for number in range(10):
        one.refused(NETWORK, 100.0, 0.999)
        assert one.ready_at(TX) - 100 == pytest.approx(0.999 * min(30, 0.5 * 2**number))
    one.refused(NETWORK, 100.0, 0.0)
    assert one.ready_at(TX) > 101  # never at once
    one.lost(NETWORK, 100.0, 100.1, 0.999)
    assert one.ready_at(TX) - 100 > 28  # accepted and cut at once is no better
    one.lost(NETWORK, 100.0, 131.0, 0.999)
    assert one.ready_at(TX) - 131 < 0.5


@pytest.mark.parametrize(
    "stood,waits",
    [
        (0.1, [0.5, 0.97, 1.86, 3.6, 6.97, 13.5, 26.1, 30.0, 30.0]),
        (1.9, [0.5, 0.52, 0.54, 0.55, 0.57, 0.59, 0.62, 0.64, 0.66]),
        (2.0, [0.5] * 9),
        (11.0, [0.5] * 9),
        (29.9, [0.5] * 9),
    ],
)
def test_links_that_live_for_seconds_are_not_waited_for_longer_and_longer(stood: float, waits: list[float]) -> None:
    one = door()
    found = []
    for _ in waits:
        one.lost(NETWORK, 100.0, 100.0 + stood, 1.0)
        found.append(one.ready_at(TX) - 100.0 - stood)
    assert found == pytest.approx(waits, rel=0.02)


def test_after_an_outage_a_link_that_lives_for_seconds_is_soon_trusted() -> None:
    one = door()
    for _ in range(100):
        one.refused(NETWORK, 0.0, 1.0)
    waits = []
    for _ in range(3):
        one.lost(NETWORK, 100.0, 106.0, 1.0)
        waits.append(one.ready_at(TX) - 106.0)
    assert waits == [4.0, 1.0, 0.5]


def test_no_money_and_bad_certificates_wait_a_minute() -> None:
    for kind in (Kind.NO_MONEY, Kind.CERTIFICATE):
        one = door()
        one.refused(Trouble(kind=kind, server="one"), 0.0, 0.5)
        assert one.ready_at(TX) == 63.0


def link(rank: int = 0, mode: BindMode = TRX, *, since: float = 0.0, suspect: bool = False, full: Any = None) -> Link:
    brake = Brake(60)
    brake.closed_since = full
    return cast("Link", SimpleNamespace(rank=rank, mode=mode, healthy_since=since, suspect=suspect, brake=brake))


NOW = 1000.0


@pytest.mark.parametrize(
    "why,links,serving,best",
    [
        ("the only one", [link()], None, 0),
        ("the better server, both proved", [link(1), link(0)], 0, 1),
        ("the better server proves itself first", [link(1), link(0, since=NOW - 29)], 0, 0),
        ("a transceiver takes over at once", [link(0, TX), link(1, since=NOW)], 0, 1),
        ("the silent one does not serve", [link(0, suspect=True), link(1, since=NOW)], 0, 1),
        ("not even a silent transceiver", [link(0, suspect=True), link(1, TX, since=NOW)], 0, 1),
        ("no room for a minute is as bad", [link(0, full=NOW - 60), link(1, since=NOW)], 0, 1),
        ("no room for less is not", [link(0, full=NOW - 59), link(1, since=NOW)], 0, 0),
        ("back from silence, it proves itself anew", [link(0, since=NOW - 1), link(1)], 1, 1),
    ],
)
def test_who_serves(why: str, links: list[Link], serving: int | None, best: int) -> None:
    before = None if serving is None else links[serving]
    assert best_of(links, before, NOW, stable_after=30) is links[best], why
    assert best_of([], None, NOW, stable_after=30) is None


@pytest.mark.parametrize(
    "why,other,best,gone",
    [
        ("a transmitter beside a transceiver", link(0, TX), link(1, since=NOW), True),
        ("the lesser server, the better proved", link(1), link(0), True),
        ("the lesser server, the better not proved yet", link(1), link(0, since=NOW - 1), False),
        ("the better server, about to take over", link(0, since=NOW - 1), link(1), False),
        ("while the best is in trouble itself", link(1), link(0, suspect=True), False),
        ("a silent transceiver beside a transmitter", link(0, suspect=True), link(1, TX), False),
    ],
)
def test_who_is_not_needed(why: str, other: Link, best: Link, gone: bool) -> None:
    assert superfluous(other, best, NOW, stable_after=30) is gone, why
    assert not superfluous(best, best, NOW, stable_after=30)
