"""What a text becomes on the air: alphabet, encoding, parts, headers, estimates, transliteration.

Useful without the rest of the library::

    from sms_traffic_async.text import segment

    segment("Ваш код 1234").count
"""

from __future__ import annotations

from sms_traffic_async.text.alphabet import GATEWAY, STANDARD, Alphabet, pack_septets, unpack_septets
from sms_traffic_async.text.data_coding import Encoding, decode_short_message
from sms_traffic_async.text.estimate import (
    Estimate,
    Rus,
    choose_rus,
    estimate_soap,
    estimate_v1,
    estimate_v2,
    v1_max_characters,
)
from sms_traffic_async.text.segments import Segment, Segments, segment
from sms_traffic_async.text.transliteration import DEFAULT_SCHEME, SCHEMES, Scheme, to_gateway, transliterate
from sms_traffic_async.text.udh import (
    ESM_CLASS_UDHI,
    Concatenation,
    InformationElement,
    UserData,
    build_concatenation,
    has_udh,
    is_receipt,
    parse_user_data,
)

__all__ = (
    "DEFAULT_SCHEME",
    "ESM_CLASS_UDHI",
    "GATEWAY",
    "SCHEMES",
    "STANDARD",
    "Alphabet",
    "Concatenation",
    "Encoding",
    "Estimate",
    "InformationElement",
    "Rus",
    "Scheme",
    "Segment",
    "Segments",
    "UserData",
    "build_concatenation",
    "choose_rus",
    "decode_short_message",
    "estimate_soap",
    "estimate_v1",
    "estimate_v2",
    "has_udh",
    "is_receipt",
    "pack_septets",
    "parse_user_data",
    "segment",
    "to_gateway",
    "transliterate",
    "unpack_septets",
    "v1_max_characters",
)
