"""Texts that meet every edge: pairs, both alphabets, several scripts, and lengths around the limits."""

from __future__ import annotations

from hypothesis import strategies as st

from sms_traffic_async.text import GATEWAY, STANDARD

GSM = st.sampled_from(GATEWAY.characters)
EXTENSION = st.sampled_from("".join(STANDARD.extension))
GREEK = st.sampled_from("ΔΦΓΛΩΠΨΣΘΞ")
CYRILLIC = st.sampled_from("абвёюяАЯ")
ASTRAL = st.sampled_from("😀🚚𝕏")
COMBINING = st.sampled_from("\u0306\u200d\ufe0f")


def runs(*characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of up to 600 characters, as runs of one character each."""
    run = st.tuples(st.one_of(*characters), st.integers(1, 160)).map(lambda pair: pair[0] * pair[1])
    return st.lists(run, max_size=6).map(lambda found: "".join(found)[:600])


STANDARD_TEXTS = runs(GSM, EXTENSION, GREEK)
UCS2_TEXTS = runs(GSM, CYRILLIC, ASTRAL, COMBINING)
TEXTS = st.one_of(
    STANDARD_TEXTS,
    UCS2_TEXTS,
    runs(GSM, EXTENSION, GREEK, CYRILLIC, ASTRAL, COMBINING),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
)
