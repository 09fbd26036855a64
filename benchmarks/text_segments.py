"""Cutting a text into parts: ours beside four other packages.

Every peer does what its own user would call for the same texts, each checked
to give as many parts as we do:

smsutil     ``split(text)``; ours: ``segment(text).texts``. Encoding, count and
            the text of each part. (``.parts``, with octets and lengths too, is
            timed beside it and reported in ``extra``.)
smpplib     ``gsm.make_parts(text)``: encoded parts with UDH.
aiosmpplib  ``utils.split_sms_udh(text, "", reference)``: encoded parts with UDH.
rusmppyc    ``Client.submit_sm_multipart`` (Rust): encoded parts with UDH, as
            PDU objects. It does not choose the encoding; it is told by
            ``text.isascii()``, the cheapest way there is. It refuses emoji.
            For these three, ours: ``segment(text).short_messages(reference)``.

A ratio is our speed divided by the peer's: the geometric mean over the texts of the
median over many short rounds.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Options, finish, geometric_mean, interleave, machine, median_ratio, parse_args, version
from sms_traffic_async.text import segment

Job: TypeAlias = Callable[[str], Any]

REFERENCE = 175
LATIN = "Dear customer, your order 48213 has arrived. Pick it up at 5 Lenina St. any day from 10:00 to 21:00. "
CYRILLIC = "Уважаемый клиент! Ваш заказ 48213 ждёт вас по адресу: ул. Ленина, 5. Мы открыты с 10:00 до 21:00. "
# All nearly fill their parts, as texts do whose authors count characters.
TEXTS = {
    "Latin, 1 part": (LATIN + "Storage is free until 14.06. Call us: 8 800 100-02-58", 1),
    "Latin, 3 parts": ((LATIN * 5)[:450], 3),
    "Cyrillic, 1 part": ("Никому не сообщайте код 482913! Он нужен для входа в ваш личный банк.", 1),
    "Cyrillic, 3 parts": ((CYRILLIC * 3)[:198], 3),
    "emoji, 1 part": ("Ваш заказ 48213 уже в пути 🚚 Курьер будет сегодня с 10 до 12 😊 Ждите", 1),
}


def texts(text: str) -> list[str]:
    return segment(text).texts


def parts(text: str) -> object:
    return segment(text).parts


def short_messages(text: str) -> list[bytes]:
    return segment(text).short_messages(REFERENCE)


def smsutil() -> tuple[Job, Job, Callable[[Any], int]]:
    import smsutil as peer

    return peer.split, texts, lambda made: len(made.parts)


def smpplib() -> tuple[Job, Job, Callable[[Any], int]]:
    from smpplib.gsm import make_parts

    return make_parts, short_messages, lambda made: len(made[0])


def aiosmpplib() -> tuple[Job, Job, Callable[[Any], int]]:
    from aiosmpplib.utils import split_sms_udh

    return lambda text: split_sms_udh(text, "", REFERENCE), short_messages, len


def rusmppyc() -> tuple[Job, Job, Callable[[Any], int]]:
    from rusmppyc import Client
    from rusmppyc.rusmppyc import Encoder, Gsm7BitUnpacked, Ucs2

    gsm7, ucs2 = Encoder.Gsm7BitUnpacked(Gsm7BitUnpacked.default()), Encoder.Ucs2(Ucs2.default())
    build = Client.submit_sm_multipart

    def split(text: str) -> Any:
        if text.isascii():
            return build(short_message=text, max_short_message_size=160, reference=REFERENCE, encoder=gsm7)
        return build(short_message=text, max_short_message_size=140, reference=REFERENCE, encoder=ucs2)

    return split, short_messages, len


PEERS = {"smsutil": smsutil, "smpplib": smpplib, "aiosmpplib": aiosmpplib, "rusmppyc": rusmppyc}


def compare(options: Options, peer: str, theirs: Job, ours: Job, count: Callable[[Any], int]) -> list[float]:
    """The ratio for each text that the peer can do, printed as a table."""
    rounds = 150 if options.quick else 500
    ratios: list[float] = []
    options.say(f"\n{peer} {version(peer)}")
    for name, (text, expected) in TEXTS.items():
        assert segment(text).count == expected
        try:
            made = theirs(text)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises means that it cannot
            options.say(f"  {name:18} skipped: {type(error).__name__}")
            continue
        assert count(made) == expected, f"{peer}: {name}"
        spent = interleave({"ours": partial(ours, text), "theirs": partial(theirs, text)}, rounds=rounds)
        ratios.append(median_ratio(spent["theirs"], spent["ours"]))
        microseconds = {who: statistics.median(seconds) * 1e6 for who, seconds in spent.items()}
        options.say(
            f"  {name:18} ours {microseconds['ours']:7.2f} µs   theirs {microseconds['theirs']:7.2f} µs"
            f"   ratio {ratios[-1]:6.2f}"
        )
    return ratios


def main() -> None:
    options = parse_args(__doc__ or "")
    options.say(machine())
    ratios: dict[str, float] = {}
    skipped: dict[str, str] = {}
    extra: dict[str, Any] = {"skipped": skipped}
    for peer, prepare in PEERS.items():
        try:
            theirs, ours, count = prepare()
        except ImportError as error:
            skipped[peer] = f"not installed: {error.name}"
            options.say(f"\n{peer}: {skipped[peer]}")
            continue
        ratios[peer] = geometric_mean(compare(options, peer, theirs, ours, count))
        if peer == "smsutil":
            found = compare(options, peer, theirs, parts, count)
            extra["smsutil_against_parts_with_octets"] = round(geometric_mean(found), 3)
    finish("text_segments", ratios, extra, wanted={"smsutil": 20.0, "rusmppyc": 1.0})


if __name__ == "__main__":
    main()
