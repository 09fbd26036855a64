"""What a reader is told, and that it is the same after a restart."""

from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.delivery.store import pack, unpack
from sms_traffic_async.delivery.values import TrackedUpdate, lean
from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus
from tests.support.tracking import report


@given(
    st.builds(
        TrackedUpdate,
        message_id=st.text(max_size=10),
        status=st.sampled_from([*MessageStatus, MessageStatus("Perhaps")]),
        error=st.sampled_from([None, DeliveryErrorCode(3), DeliveryErrorCode(777)]),
        status_at=st.none() | st.datetimes(timezones=st.just(MOSCOW)),
        message_ids=st.lists(st.text(max_size=5), max_size=3).map(tuple),
        details=st.lists(st.builds(report, st.text(max_size=5), st.just("Delivered")), max_size=3).map(tuple),
        given_up=st.booleans(),
        mnc=st.none() | st.integers(0, 99),
        key=st.none() | st.text(max_size=5),
        to=st.none() | st.text(max_size=5),
    )
)
def test_what_is_packed_is_unpacked(update: TrackedUpdate) -> None:
    assert unpack(pack(update)) == update
    assert lean(update) is update


def test_nothing_shows_a_number() -> None:
    update = TrackedUpdate(message_id="1", status=MessageStatus.READ, to="79161112233")
    assert "7916" not in repr(update) + str(update)


def test_what_is_kept_for_long_has_no_raw_reply() -> None:
    update = report("1", "Delivered", raw={"smsId": "1"})
    assert lean(update).raw is None
    assert lean(update) == update
