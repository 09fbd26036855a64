"""Foreign programs that tests talk to: skipped with a reason where they are missing, required in continuous checks."""

import os
import shutil

import pytest

__all__ = ("peer",)


def peer(program: str, package: str) -> str:
    """The path of a program.

    Where it is missing the test is skipped; with ``SMS_TRAFFIC_TESTS_REQUIRE_PEERS`` set it fails, because there
    everything is meant to run.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    sentence = f"{program} is not installed (Debian: apt-get install {package})"
    if os.environ.get("SMS_TRAFFIC_TESTS_REQUIRE_PEERS"):
        pytest.fail(sentence)
    pytest.skip(sentence)
