"""Many parts, one status."""

from datetime import UTC, datetime

import pytest

from sms_traffic_async.delivery.folding import fold
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.statuses import MessageStatus


def part(number: int, status: str) -> StatusUpdate:
    moment = datetime(2026, 1, 1, 0, number, tzinfo=UTC)
    return StatusUpdate(message_id=str(number), status=MessageStatus.read(status), status_at=moment)


@pytest.mark.parametrize(
    "statuses,folded",
    [
        (["Delivered"], "Delivered"),
        (["Delivered", "Delivered"], "Delivered"),
        (["Delivered", "Buffered SMSC"], "Buffered SMSC"),
        (["Buffered SMSC", "Non Delivered"], "Buffered SMSC"),
        (["Delivered", "Non Delivered", "Delivered"], "Non Delivered"),
        (["Delivered", "Deleted"], "Delivered"),  # link shortening: the part was not needed
        (["Deleted", "Deleted"], "Deleted"),
        (["Non Delivered", "Deleted"], "Non Delivered"),
        (["Read", "Delivered"], "Delivered"),
        (["", "Delivered"], ""),
    ],
)
def test_the_part_that_decides(statuses: list[str], folded: str) -> None:
    update = fold([part(number, status) for number, status in enumerate(statuses)])
    assert update is not None
    assert (update.status, update.message_id) == (folded, "0")
    assert update.parts == (len(statuses) if len(statuses) > 1 else None)


def test_nothing_is_known() -> None:
    assert fold([]) is None
