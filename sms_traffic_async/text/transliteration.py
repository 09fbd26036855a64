"""Cyrillic in Latin letters, by published Russian schemes.

The platform transliterates too (v1 ``rus=0``, v2 ``transliterate``), but its
scheme is documented nowhere: what comes out of here is *a* transliteration,
not the platform's. Use it to write the text yourself and know its length, or to
estimate. The one hint in the document ("ne imeyet znacheniya", SMTP examples)
fits ``mvd_782``, which is therefore the default; its letters are all in the
gateway's alphabet.

The tables are those of the standards as collected by the iuliia project (MIT).
Capitals: a letter that becomes several is written ``Sch``, in words of capitals
too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.text.alphabet import GATEWAY

__all__ = ("DEFAULT_SCHEME", "SCHEMES", "Scheme", "to_gateway", "transliterate")

_WORD_EDGE = re.compile(r"\b")
_ENDING = 2


def _letters(latin: str) -> dict[str, str]:
    return dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", latin.split(" "), strict=True))


def _pairs(cyrillic: str, latin: str) -> dict[str, str]:
    return dict.fromkeys(cyrillic.split(), latin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One way to write Russian in Latin letters.

    Attributes:
        name: the name it goes by in iuliia.
        title: the standard it comes from.
        letters: each letter by itself.
        after: a letter (the second of each key) after another one.
        before: a letter (the first of each key) before another one.
        endings: the last two letters of words of three or more.
    """

    name: str
    title: str
    letters: Mapping[str, str]
    after: Mapping[str, str] = field(default_factory=dict[str, str])
    before: Mapping[str, str] = field(default_factory=dict[str, str])
    endings: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        # The letter that is written decides about the capital, not the neighbour that changed it.
        letters = dict(self.letters) | {key.upper(): value.capitalize() for key, value in self.letters.items()}
        after = dict(self.after) | {key.capitalize(): value for key, value in self.after.items()}
        after |= {key.upper(): value.capitalize() for key, value in self.after.items()}
        before = dict(self.before) | {key.capitalize(): value.capitalize() for key, value in self.before.items()}
        before |= {key.upper(): value.capitalize() for key, value in self.before.items()}
        endings = dict(self.endings) | {key.upper(): value.upper() for key, value in self.endings.items()}
        for name, table in (("letters", letters), ("after", after), ("before", before), ("endings", endings)):
            object.__setattr__(self, name, MappingProxyType(table))

    @property
    def gateway_safe(self) -> bool:
        """Whether everything it writes is in the gateway's alphabet."""
        written = (*self.letters.values(), *self.after.values(), *self.before.values(), *self.endings.values())
        return GATEWAY.try_encode("".join(written)) is not None

    def write(self, text: str) -> str:
        """``text`` with its Russian letters in Latin; everything else stays."""
        return "".join(map(self._word, _WORD_EDGE.split(text)))

    def _word(self, word: str) -> str:
        ending = self.endings.get(word[-_ENDING:]) if len(word) > _ENDING else None
        if ending is not None:
            return self._stem(word[:-_ENDING]) + ending
        return self._stem(word)

    def _stem(self, stem: str) -> str:
        written: list[str] = []
        for previous, letter, following in zip(["", *stem], stem, [*stem[1:], ""]):  # noqa: B905 - the first is longer
            found = self.after.get(previous + letter)
            if found is None:
                found = self.before.get(letter + following)
            if found is None:
                found = self.letters.get(letter, letter)
            written.append(found)
        return "".join(written)


_MVD_782 = Scheme(
    name="mvd_782",
    title="Order 782 of the Ministry of the Interior, 2000",
    letters=_letters("a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch ' y ' e yu ya"),
    after=_pairs("ае ее ёе ие ое уе ъе ые ье эе юе яе", "ye")
    | _pairs("бё вё гё дё зё кё лё мё нё пё рё сё тё фё хё цё", "ye")
    | _pairs("жё чё шё щё", "e")
    | {"ьи": "yi"},
    before=_pairs("ъе ье ъё ьё ьи", ""),
)
_GOST_7034 = Scheme(
    name="gost_7034",
    title="GOST R 7.0.34-2014, the first of its variants for each letter",  # codespell:ignore gost
    letters=_letters("a b v g d e yo zh z i j k l m n o p r s t u f x c ch sh shh '' y ' e yu ya"),
)
_GOST_779_ALT = Scheme(
    name="gost_779_alt",
    title="GOST 7.79-2000 system B (ISO 9), with grave accents",  # codespell:ignore gost
    letters=_letters("a b v g d e yo zh z i j k l m n o p r s t u f x cz ch sh shh `` y` ` e` yu ya"),
    before=_pairs("це ци цй цы", "c"),
)
_MOSMETRO = Scheme(
    name="mosmetro",
    title="Moscow Metro maps: no apostrophes",
    letters=_letters("a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh sch  y  e yu ya"),
    after={"тц": "s", "ьё": "o", "ъё": "o"},
    before=_pairs("ьа ье ьё ьи ьо ьу ьэ ъа ъе ъё ъи ъо ъу ъэ", "y"),
    endings={"ий": "y", "ый": "y"},
)

DEFAULT_SCHEME: Final = "mvd_782"
SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {scheme.name: scheme for scheme in (_MVD_782, _GOST_7034, _GOST_779_ALT, _MOSMETRO)}
)
"""The schemes by name."""


def transliterate(text: str, scheme: str = DEFAULT_SCHEME) -> str:
    """Write the Russian letters of ``text`` in Latin.

    Args:
        text: any text; what is not a Russian letter stays as it is.
        scheme: a name in `SCHEMES`.

    Raises:
        ConfigurationError: there is no such scheme.
    """
    chosen = SCHEMES.get(scheme)
    if chosen is None:
        raise ConfigurationError(f"scheme is one of {', '.join(SCHEMES)}")
    return chosen.write(text)


_SIGNS = str.maketrans(
    {"№": "No", "₽": "RUB", "€": "EUR", "…": "...", "•": "*", "`": "'", "«": '"', "»": '"', "−": "-", "\t": " "}
    | dict.fromkeys("“”„‟", '"')
    | dict.fromkeys("‘’‚‛", "'")
    | dict.fromkeys("‐‑‒–—―", "-")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")
    | dict.fromkeys("[{", "(")
    | dict.fromkeys("]}", ")")
)


def to_gateway(text: str, scheme: str = DEFAULT_SCHEME) -> str:
    """Transliterate, and write signs of typography in characters of the gateway.

    Quotes, dashes, spaces, brackets, ``№ ₽ € …`` become their plainest form.
    What has none (emoji, other scripts) stays, and still makes the text UCS-2.
    """
    return transliterate(text, scheme).translate(_SIGNS)
