"""The document's advice, status by status, and the three things that every error says."""

from __future__ import annotations

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidOriginator,
    InvalidRecipient,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from sms_traffic_async.protocols.smpp.failures import Meaning, bind_error, ruling_of, submit_error
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus


@pytest.mark.parametrize(
    "status,meaning,kind,retryable",
    [
        (0x58, Meaning.THROTTLED, RateLimited, True),
        (0x14, Meaning.FULL, TemporarilyUnavailable, True),
        (0x08, Meaning.AGAIN, TemporarilyUnavailable, True),
        (0x45, Meaning.AGAIN, TemporarilyUnavailable, True),
        (0x05, Meaning.TAKEN, Rejected, False),
        (0x0A, Meaning.NO, InvalidOriginator, False),
        (0x0B, Meaning.NO, InvalidRecipient, False),
        (0x0D, Meaning.NO_MONEY, InsufficientFunds, False),
        (0x0E, Meaning.REFUSED, AuthenticationFailed, False),
        (0x0F, Meaning.REFUSED, AuthenticationFailed, False),
        (0x01, Meaning.NO, Rejected, False),
        (0x400, Meaning.NO, Rejected, False),
    ],
)
def test_statuses(status: int, meaning: Meaning, kind: type[Rejected], retryable: bool) -> None:
    assert ruling_of(status).meaning is meaning
    error = submit_error(CommandStatus(status), node="one", key="k", retry_after=2.0)
    assert type(error) is kind
    assert (error.code, error.node, error.message_key, error.retryable) == (status, "one", "k", retryable)
    assert f"0x{status:08X}" in str(error)
    assert "no SMS goes out" in str(error)
    assert error.advice
    assert error.advice in str(error)
    bound = bind_error(CommandStatus(status), node="one", key="k")
    assert type(bound) is kind
    assert "nothing was sent" in str(bound)


def test_only_a_throttled_one_knows_how_long() -> None:
    error = submit_error(CommandStatus.ESME_RTHROTTLED, node="one", key="k", retry_after=2.5, tries=4)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 2.5
    assert "4 times" in str(error)
