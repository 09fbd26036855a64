"""A login that was refused a moment ago is refused here; and dates and sums as the platform writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sms_traffic_async.protocols.http.answers import Damaged, read_amount, read_moment
from sms_traffic_async.protocols.http.circuit import REFUSED_FOR, RefusedLogins


def test_a_refusal_holds_for_a_while_and_for_that_login_only() -> None:
    logins = RefusedLogins()
    assert logins.refusal("one", "send", 0.0) is None
    logins.refused("one", 0.0, status=None, code=411)
    assert logins.refusal("one", "send", REFUSED_FOR - 0.1) == (None, 411)
    assert logins.refusal("two", "send", 0.0) is None
    assert logins.refusal("one", "send", REFUSED_FOR) is None
    assert logins.refusal("one", "send", 0.0) is None, "and then it is forgotten"


def test_a_missing_permission_closes_its_own_operation() -> None:
    logins = RefusedLogins()
    logins.refused("one", 0.0, operation="send", status=403, code=None)
    assert logins.refusal("one", "balance", 1.0) is None
    assert logins.refusal("one", "send", 1.0) == (403, None)


def test_very_many_logins_are_not_kept() -> None:
    logins = RefusedLogins()
    for place in range(150):
        logins.refused(place, 0.0, status=401, code=None)
    assert [place for place in range(150) if logins.refusal(place, "send", 1.0)] == list(range(50, 150))


@pytest.mark.parametrize(
    "written,expected",
    [
        ("2025-12-18T12:00:00Z", datetime(2025, 12, 18, 12, tzinfo=UTC)),
        (" 2025-12-18 12:00:00 ", datetime(2025, 12, 18, 9, tzinfo=UTC)),
        ("2025-12-18T12:00:00.5+02:00", datetime(2025, 12, 18, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-13-18T12:00:00Z", None),
        ("2025-12-18", None),
        ("yesterday at noon", None),
        (20251218, None),
        (None, None),
    ],
)
def test_moments(written: object, expected: datetime | None) -> None:
    assert read_moment(written) == expected


def test_a_moment_without_an_offset_is_moscows() -> None:
    moment = read_moment("2025-12-18T12:00:00")
    assert moment is not None
    assert moment.utcoffset() == timedelta(hours=3)


@pytest.mark.parametrize("written,amount", [("12520.35", "12520.35"), (" -3,5 ", "-3.5"), ("+7", "7")])
def test_amounts(written: str, amount: str) -> None:
    assert read_amount(written) == (Decimal(amount), written)


@pytest.mark.parametrize("written", ["", "NaN", "1e9", "1 000", "1.", None, 5, "9" * 31])
def test_what_is_no_amount(written: object) -> None:
    with pytest.raises(Damaged, match="not a number"):
        read_amount(written)
