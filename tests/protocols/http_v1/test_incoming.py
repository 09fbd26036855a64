"""``v1.incoming`` over real TCP: everything, whatever the order and the limits, or an error that says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest

from sms_traffic_async.errors import InvalidMessage, RequestError, RequestRefused
from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.http_v1 import IncompleteIncoming
from sms_traffic_async.protocols.http_v1.incoming import MOST_COUNT, MOST_PAGES
from tests.protocols.http_v1.kit import Form, desk, refusal, xml
from tests.support.exposure import pickled, shown
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

START = datetime(2026, 1, 1, tzinfo=MOSCOW)
TEXT = "текст"


class Box:
    """The platform's inbox: filters by from_date, and gives at most ``count`` and at most ``limit``."""

    def __init__(
        self,
        seconds: list[int],
        *,
        newest_first: bool = False,
        ids: bool = True,
        limit: int = 10**9,
        counts: Literal["all", "shown", "nothing"] = "all",
    ) -> None:
        order = sorted(enumerate(seconds), key=lambda pair: pair[1], reverse=newest_first)
        dated = (
            (number, (START + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")) for number, second in order
        )
        self.messages = [
            (
                moment,
                f"<message><from_phone>79031234567</from_phone><text>{TEXT} {number}</text>"
                f"<send_date>{moment}</send_date><delivery_date>{moment}</delivery_date>"
                + (f"<sms_id>{number}</sms_id>" if ids else "")
                + "</message>",
            )
            for number, moment in dated
        ]
        self.limit = limit
        self.counts = counts

    def __call__(self, form: Form) -> bytes:
        fields = form.fields()
        since = fields.get("from_date", "")
        found = [message for moment, message in self.messages if moment >= since]
        page = found[: min(int(fields["count"]), self.limit)]
        said = {"all": len(found), "shown": len(page), "nothing": ""}[self.counts]
        return xml(f"<reply><count>{said}</count><messages>{''.join(page)}</messages></reply>")


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("counts", ["all", "shown", "nothing"])
@pytest.mark.parametrize("seconds", [list(range(25)), [0] * 25, [0, 1, 1, 1, 1, 1, 1, 1, 2, 3], list(range(10)), []])
async def test_it_is_paged_by_date_and_each_message_comes_once(
    seconds: list[int], counts: Literal["all", "shown", "nothing"], newest_first: bool, ids: bool
) -> None:
    async with desk(Box(seconds, newest_first=newest_first, ids=ids, counts=counts)) as one:
        found = await one.v1.incoming(since=START, count=5, timeout=600.0)
    assert sorted(message.text for message in found) == sorted(f"{TEXT} {number}" for number in range(len(seconds)))
    moments = [message.sent_at for message in found if message.sent_at is not None]
    assert moments == sorted(moments)
    assert all(form.fields()["want_sms_ids"] == "1" for form in one.forms)


@pytest.mark.parametrize("counts", ["all", "shown", "nothing"])
@pytest.mark.parametrize("limit", [15, 100, 120])
@pytest.mark.parametrize("since", [None, START])
async def test_a_limit_of_the_platform_cuts_nothing_that_comes_oldest_first(
    since: datetime | None, limit: int, counts: Literal["all", "shown", "nothing"]
) -> None:
    """Less than was asked for is not the end: the limit may be far below our ``count``."""
    async with desk(Box([number // 3 for number in range(360)], limit=limit, counts=counts)) as one:
        assert len(await one.v1.incoming(since=since, timeout=600.0)) == 360


async def test_dates_a_little_out_of_order_skip_nothing() -> None:
    """Told by number, filtered by date: the next page falls back as far as dates were seen to go back."""

    class Jitter(Box):
        def __init__(self) -> None:
            super().__init__([])
            for number in range(300):
                moment = (START + timedelta(seconds=10 * number + 45 * (-1) ** number)).strftime("%Y-%m-%d %H:%M:%S")
                row = (
                    f"<message><text>{number}</text><send_date>{moment}</send_date><sms_id>{number}</sms_id></message>"
                )
                self.messages.append((moment, row))
            self.limit = 40

    async with desk(Jitter()) as one:
        found = await one.v1.incoming(timeout=600.0)
    assert len(found) == 300
    assert len(one.forms) < 20


@pytest.mark.parametrize(
    "box,asked",
    [
        # Its own limit, newest first: what is older cannot be reached, and it says that there is more.
        (Box(list(range(250)), newest_first=True, limit=130), 1000),
        (Box(list(range(250)), newest_first=True, limit=130), 130),
        # It counts what it shows, but 100 looks like a limit, and one message less is counted as one less.
        (Box(list(range(250)), newest_first=True, limit=100, counts="shown"), 1000),
        (Box(list(range(250)), newest_first=True, limit=64, counts="shown"), 1000),
        (Box(list(range(250)), newest_first=True, limit=100, counts="nothing"), 1000),
        (Box(list(range(250)), newest_first=True, limit=100, counts="shown"), 100),
        # More of one second than it gives at once.
        (Box([7] * 250, limit=100, counts="shown"), 1000),
        (Box([*range(150), *[150] * 150], limit=100), 1000),
    ],
)
async def test_what_may_be_incomplete_is_an_error_with_what_there_is(box: Box, asked: int) -> None:
    async with desk(box) as one:
        with pytest.raises(IncompleteIncoming, match="may have more incoming messages") as caught:
            await one.v1.incoming(count=asked, timeout=600.0)
    error = caught.value
    assert isinstance(error, RequestError)
    assert error.operation == "v1.incoming"
    assert 64 <= len(error.messages) < len(box.messages)
    moments = [message.sent_at for message in error.messages if message.sent_at is not None]
    assert all(one <= other for one, other in pairwise(moments))
    assert len(one.forms) <= 8
    copy = pickled(error)
    assert isinstance(copy, IncompleteIncoming)
    assert copy.messages == error.messages
    assert TEXT not in shown(error)


@pytest.mark.parametrize("counts,complete", [("all", True), ("shown", False)])
async def test_as_many_as_a_limit_would_give(counts: Literal["all", "shown"], complete: bool) -> None:
    """Exactly 100, newest first: proven where ``<count>`` counts all, and else not."""
    async with desk(Box(list(range(100)), newest_first=True, counts=counts)) as one:
        if complete:
            assert len(await one.v1.incoming()) == 100
        else:
            with pytest.raises(IncompleteIncoming):
                await one.v1.incoming()
    assert [form.fields()["count"] for form in one.forms] == ["1000", "99"], "one more request tells"


async def test_no_page_is_long_enough() -> None:
    row = "<message><from_phone>7903</from_phone><text>x</text><send_date>2026-01-01 00:00:00</send_date>"

    def endless(form: Form) -> bytes:
        rows = "".join(f"{row}<sms_id>{number}</sms_id></message>" for number in range(int(form.fields()["count"])))
        return xml(f"<reply><messages>{rows}</messages></reply>")

    async with desk(endless) as one:
        with pytest.raises(IncompleteIncoming, match=f"more than {MOST_COUNT}") as caught:
            await one.v1.incoming(count=MOST_COUNT // 2, timeout=600.0)
    assert len(caught.value.messages) == MOST_COUNT


async def test_pages_have_an_end() -> None:
    async with desk(Box(list(range(2 * MOST_PAGES)), counts="shown")) as one:
        with pytest.raises(IncompleteIncoming, match="pages were not enough"):
            await one.v1.incoming(count=2, timeout=6000.0)
    assert len(one.forms) == MOST_PAGES


async def test_arguments() -> None:
    async with desk(Box([0])) as one:
        (message,) = await one.v1.incoming(sender="+7 903 123-45-67")
        assert (message.sender, message.text, message.message_id) == ("79031234567", "текст 0", "0")
        fields = one.forms[0].fields()
        assert (fields["operation"], fields["from_phone"], fields["count"]) == ("incoming", "79031234567", "1000")
        assert "from_date" not in fields
        wrong: list[dict[str, Any]] = [{"since": START.replace(tzinfo=None)}, {"count": 0}, {"sender": "x"}]
        for bad in wrong:
            with pytest.raises(InvalidMessage) as caught:
                await one.v1.incoming(**bad)
            assert caught.value.field in {*bad, "to"}
    async with desk(refusal(411)) as one:
        with pytest.raises(RequestRefused):
            await one.v1.incoming(since=datetime.now(UTC))
