"""The fuzz targets run, so that they do not rot."""

import pytest

from tests.protocols.pushes.examples import FORM_PUSH, JSON_PUSH
from tests.protocols.pushes.fuzz_targets import TARGETS

SAMPLES = (b"", JSON_PUSH, FORM_PUSH, b"\xff" * 64, b"message=a&phone=7\nshortcode=1&secret=2", b'[{"sms_id":1e400}]')


@pytest.mark.parametrize("name", sorted(TARGETS))
@pytest.mark.parametrize("data", SAMPLES, ids=range(len(SAMPLES)))
def test_target(name: str, data: bytes) -> None:
    TARGETS[name](data)
