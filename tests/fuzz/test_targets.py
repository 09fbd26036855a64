"""The fuzzer's targets run, on what breaks decoders most often, so that they do not rot."""

import pytest

from tests.fuzz.targets import TARGETS

SAMPLES = (
    b"",
    b"\x00" * 16,
    b"\xff" * 64,
    b'{"success": true, "destinations": [{"phone": 1, "id": 18446744073709551616}]}',
    b'{"success": false, "error": {"code": 105}}',
    b"<reply><result>OK</result><code>0</code></reply>",
    b"<?xml version='1.0' encoding='windows-1251'?><reply>\xef\xf0\xe8</reply>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    b"Subject: Re\r\nIn-Reply-To: <x@y>\r\n\r\n<reply><code>0</code></reply>",
    b"\x05\x00\x03\xaf\x02\x01abc",
    b"Sun, 06 Nov 1994 08:49:37 GMT\nSun, 06 Nov 1994 08:49:00 GMT",
)


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("data", SAMPLES, ids=range(len(SAMPLES)))
def test_target(name: str, data: bytes) -> None:
    TARGETS[name](data)
