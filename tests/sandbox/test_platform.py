"""The core without any protocol: acceptance, life, spam, stores and their bounds."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sms_traffic_async.sandbox import NumberOutcome, Pace, SandboxClock, StoredMessage, Switches
from sms_traffic_async.sandbox.accounts import Accounts
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.life import StatusChange
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.store import DAY, Store

PACE = Pace(send=1, buffer=2, final=4, upgrade=8, slow=100, expire=50)


@pytest.fixture
def platform() -> Platform:
    clock = SandboxClock(1_766_048_400.0, running=False)
    return Platform(clock, Accounts.default(api_key="1/a", login="main", password="pw"), pace=PACE)


def arrival(platform: Platform, *, node: int = 1, ids_per_part: bool = False) -> Arrival:
    principal = platform.accounts.by_key("1/a")
    assert principal is not None
    return Arrival(
        protocol="v2", node=node, principal=principal, request_id="r1", ip="127.0.0.1", ids_per_part=ids_per_part
    )


def take(platform: Platform, to: str = "79161112233", text: str = "hello", **options: object) -> StoredMessage:
    come = arrival(platform, ids_per_part=bool(options.pop("ids_per_part", False)))
    prepared = platform.prepare(Draft(to=to, text=text, **options), come)  # type: ignore[arg-type] # a table of options
    assert isinstance(prepared, Prepared), prepared
    taken = platform.take([prepared], come)
    assert not isinstance(taken, Refusal)
    return taken[0]


def refused(platform: Platform, to: str = "79161112233", text: str = "hello", **options: object) -> int:
    found = platform.prepare(Draft(to=to, text=text, **options), arrival(platform))  # type: ignore[arg-type]
    assert isinstance(found, Refusal), found
    return found.code


async def course(platform: Platform, message: StoredMessage, seconds: float = 1000) -> list[tuple[str, float]]:
    begun = platform.clock.now()
    platform.clock.start()
    await platform.clock.advance(seconds)
    return [(status, at - begun) for status, at in message.history]


@pytest.mark.parametrize(
    "suffix,statuses",
    [
        ("2233", [("Buffered SMSC", 3), ("Delivered", 7)]),
        ("9001", [("Buffered SMSC", 3), ("Non Delivered", 7)]),
        ("9017", [("Buffered SMSC", 3), ("Non Delivered", 7)]),
        ("9020", [("Buffered SMSC", 3), ("Expired", 53)]),
        ("9021", [("Rejected", 5)]),
        ("9022", [("Buffered SMSC", 3), ("Deleted", 7)]),
        ("9023", [("Buffered SMSC", 3), ("Unknown status", 7)]),
        ("9030", [("Buffered SMSC", 3), ("Delivered", 103)]),
        ("9031", [("Buffered SMSC", 3)]),
        ("9032", []),
        ("9040", [("Buffered SMSC", 3), ("Delivered", 7), ("Clicked", 15)]),
        ("9041", [("Buffered SMSC", 3), ("Delivered", 7), ("Read", 15)]),
    ],
)
async def test_outcomes_by_number(platform: Platform, suffix: str, statuses: list[tuple[str, float]]) -> None:
    message = take(platform, "7916111" + suffix)
    assert await course(platform, message) == statuses
    assert message.sent_at is not None
    assert message.error == (int(suffix) - 9000 if suffix in {"9001", "9017"} else 0)
    assert (message.read_at is not None) == (suffix == "9041")


async def test_a_message_expires_after_its_own_validity(platform: Platform) -> None:
    message = take(platform, "79161119020", validity=600.0)
    assert await course(platform, message) == [("Buffered SMSC", 3), ("Expired", 603)]


async def test_a_scheduled_message_waits(platform: Platform) -> None:
    start = platform.clock.now() + 3600
    message = take(platform, start_at=start)
    platform.clock.start()
    await platform.clock.advance("59m")
    assert (message.status, message.sent_at) == ("", None)
    await platform.clock.advance("2m")
    assert message.sent_at == start + PACE.send
    assert message.status == "Delivered"


async def test_checked_stays_checked(platform: Platform) -> None:
    message = take(platform, "79161119040")
    platform.clock.start()
    await platform.clock.advance(4)
    platform.life.check(message)
    platform.life.check(message)
    await platform.clock.advance(100)
    assert [status for status, _ in message.history] == ["Buffered SMSC", "Checked"]


async def test_listeners_hear_every_change(platform: Platform) -> None:
    heard: list[StatusChange] = []
    platform.life.listeners.append(heard.append)
    message = take(platform)
    await course(platform, message)
    assert [(one.previous, one.status) for one in heard] == [("", "Buffered SMSC"), ("Buffered SMSC", "Delivered")]
    assert all(one.message is message for one in heard)


async def test_reset_stops_what_is_under_way(platform: Platform) -> None:
    message = take(platform)
    platform.reset()
    assert await course(platform, message) == []
    assert len(platform.store) == len(platform.accepted) == 0


@pytest.mark.parametrize(
    "options,code",
    [
        ({"to": "7916111"}, 427),
        ({"to": "123"}, 425),
        ({"text": ""}, 423),
        ({"originator": "Unregistered"}, 421),
        ({"originator": "Nobody"}, 436),
        ({"originator": "3299"}, 436),
        ({"to": "79161119432"}, 432),
        ({"to": "79161119415"}, 415),
        ({"to": "79161119999"}, 1000),
        ({"text": "nul\0"}, 424),
    ],
)
def test_refusals(platform: Platform, options: dict[str, str], code: int) -> None:
    assert refused(platform, **options) == code


def test_a_numeric_sender_abroad_is_fine(platform: Platform) -> None:
    assert take(platform, "375292134567", originator="3299").originator == "3299"
    platform.switches = replace(platform.switches, numeric_originator_refused=False)
    assert take(platform, originator="3299").originator == "3299"


@pytest.mark.parametrize(
    "originator, shown",
    [
        # The document's own examples.
        ("MyCompany", "MyCompany"),
        ("787-35-95", "787-35-95"),
        ("SMS.Traffic", "SMS.Traffic"),
        ("СМС.ТРАФИК", "SMS.TRAFIK"),
        # Extension characters become look-alikes, one for one; which ones is not documented.
        ("[Co] {a}", "(Co) (a)"),
        ("a\\b^~|€", "a/b'-!E"),
        ("Ñandú Ø_§", 436),  # ú is not in the alphabet
        ("Ñandù Ø_§", "Ñandù Ø_§"),
        # Cyrillic letters grow.
        ("ЩитОхраны", 421),
        (" MyCompany", 436),
        ("MyCompany ", 436),
        ("☺", 436),
    ],
)
def test_senders_as_the_phone_shows_them(platform: Platform, originator: str, shown: str | int) -> None:
    platform.accounts.get().any_originator = True
    if isinstance(shown, int):
        assert refused(platform, originator=originator) == shown
    else:
        assert take(platform, originator=originator).originator == shown


def test_a_sender_is_registered_as_it_is_written_or_as_it_is_shown(platform: Platform) -> None:
    assert take(platform, originator="СМС.ТРАФИК").originator == "SMS.TRAFIK"
    assert refused(platform, originator="Аптека") == 436
    platform.accounts.get().originators.add("Apteka")
    assert take(platform, originator="Аптека").originator == "Apteka"


def test_any_number_may_be_asked_for(platform: Platform) -> None:
    assert take(platform, "123", any_number=True).to == "123"


def test_blocked_numbers(platform: Platform) -> None:
    platform.accounts.get().blocked.add("79851234567")
    assert refused(platform, "79851234567") == 432
    assert refused(platform, "74951234567") == 432
    assert take(platform, "79161112233").to == "79161112233"


def test_federal_numbers_are_reported_and_asked_numbers_logged(platform: Platform) -> None:
    message = take(platform, "74951234567")
    assert message.to == "79851234567"
    assert platform.accepted[0].to == "74951234567"
    platform.switches = replace(platform.switches, federal_numbers=False)
    assert take(platform, "74951234567").to == "74951234567"


def test_parts_cost_money(platform: Platform) -> None:
    account = platform.accounts.get()
    account.balance, account.price = Decimal("10.00"), Decimal("2.50")
    message = take(platform, text="п" * 71)
    assert (message.parts, message.encoding, message.cost) == (2, "ucs2", Decimal("5.00"))
    assert account.balance == Decimal("5.00")
    come = arrival(platform)
    prepared = platform.prepare(Draft(to="79161112233", text="п" * 150), come)
    assert isinstance(prepared, Prepared)
    refusal = platform.take([prepared], come)
    assert isinstance(refusal, Refusal)
    assert refusal.code == 415
    assert account.balance == Decimal("5.00")
    assert len(platform.accepted) == 1
    account.credit = Decimal("2.50")
    taken = platform.take([prepared], come)
    assert not isinstance(taken, Refusal)
    assert account.balance == Decimal("-2.50")


def test_what_exceeds_max_parts_is_cut_or_refused(platform: Platform) -> None:
    message = take(platform, text="a" * 500, max_parts=2)
    assert (message.parts, len(message.text)) == (2, 306)
    assert platform.accepted[0].text == "a" * 500
    platform.switches = replace(platform.switches, max_parts="refuse")
    assert refused(platform, text="a" * 500, max_parts=2) == 424
    assert take(platform, text="a" * 500, max_parts=4).parts == 4


@pytest.mark.parametrize("letter, given, kept", [("a", 161, 153), ("a", 160, 160), ("п", 71, 67), ("п", 70, 70)])
def test_of_a_longer_text_the_first_part_is_kept_as_it_was_cut(
    platform: Platform, letter: str, given: int, kept: int
) -> None:
    """Document, ``max_parts``: a part of several holds 153 or 67, and the first of them go out."""
    message = take(platform, text=letter * given, max_parts=1)
    assert (message.parts, message.text) == (1, letter * kept)


def test_the_whole_text_decides_about_the_encoding(platform: Platform) -> None:
    message = take(platform, text="a" * 153 + "€", max_parts=1)
    assert (message.encoding, message.text) == ("ucs2", "a" * 67)


@pytest.mark.parametrize("letter, given, kept", [("a", 161, 160), ("п", 71, 70)])
def test_a_flash_message_is_one_sms(platform: Platform, letter: str, given: int, kept: int) -> None:
    assert take(platform, text=letter * given, flash=True).text == letter * kept


def test_transliteration(platform: Platform) -> None:
    message = take(platform, text="Привет", transliterate=True)
    assert (message.text, message.encoding) == ("Privet", "gsm7")


def test_parts_have_ids_where_the_protocol_gives_them(platform: Platform) -> None:
    message = take(platform, text="a" * 200, ids_per_part=True)
    assert len(message.ids) == len(set(message.ids)) == 2
    assert message.id == message.ids[0]
    assert all(platform.store.get(one) is message for one in message.ids)


@pytest.mark.parametrize("digits", [19, 39])
def test_ids_grow(platform: Platform, digits: int) -> None:
    platform.switches = Switches().changed({"id_digits": digits})
    ids = [take(platform, f"7916111{number:04d}").id for number in range(50)]
    assert {len(one) for one in ids} == {digits}
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("antispam", [True, False])
async def test_the_fifth_same_text_in_an_hour_is_rejected(platform: Platform, antispam: bool) -> None:
    platform.switches = replace(platform.switches, antispam=antispam)
    platform.clock.start()
    messages = [take(platform) for _ in range(6)]
    messages.append(take(platform, "79161112244"))
    messages.append(take(platform, text="other"))
    await platform.clock.advance(100)
    spam = "Rejected" if antispam else "Delivered"
    assert [one.status for one in messages] == ["Delivered"] * 4 + [spam] * 2 + ["Delivered"] * 2


async def test_the_ninth_same_text_in_twelve_hours_is_rejected(platform: Platform) -> None:
    platform.clock.start()
    messages = []
    for _ in range(9):
        messages.append(take(platform))
        await platform.clock.advance("70m")
    assert [one.status for one in messages] == ["Delivered"] * 8 + ["Rejected"]
    await platform.clock.advance("12h")
    late = take(platform)
    await platform.clock.advance("1m")
    assert late.status == "Delivered"


def test_inbound_messages_are_stored_and_not_accepted(platform: Platform) -> None:
    seen: list[StoredMessage] = []
    platform.arrivals.append(seen.append)
    message = platform.receive(sender="79161112233", recipient="3299", text="СТОП")
    assert (message.direction, message.to, message.originator) == ("mo", "79161112233", "3299")
    assert seen == [message]
    assert len(platform.accepted) == 0


async def test_messages_live_seven_days(platform: Platform) -> None:
    platform.clock.start()
    old = take(platform, tracking_data="label")
    await platform.clock.advance(6.9 * DAY)
    young = take(platform, tracking_data="label")
    assert platform.store.by_tracking_data("label") == (old, young)
    assert platform.accepted.times("label") == 2
    assert platform.accepted.duplicates() == {"label": 2}
    await platform.clock.advance(0.2 * DAY)
    assert platform.store.get(old.id) is None
    assert platform.store.by_tracking_data("label") == (young,)
    take(platform)
    assert platform.accepted.times("label") == 1
    assert not platform.accepted.duplicates()
    await platform.clock.advance(7 * DAY + 1)
    assert not list(platform.store)
    assert platform.store.by_tracking_data("label") == ()


def test_the_page_sees_the_newest_only(platform: Platform) -> None:
    platform.store = Store(platform.clock, keep_newest=3)
    messages = [take(platform, f"7916111{number:04d}") for number in range(5)]
    assert platform.store.newest() == tuple(messages[2:])
    assert len(platform.store) == 5
    assert platform.store.get(messages[0].id) is messages[0]


def test_values_do_not_print_what_is_private(platform: Platform) -> None:
    message = take(platform, text="code 1234")
    for shown in (repr(message), repr(platform.accepted[0]), repr(Draft(to="79161112233", text="code 1234"))):
        assert "1234" not in shown
        assert "79161112233" not in shown


def test_the_accept_log_is_a_sequence(platform: Platform) -> None:
    messages = [take(platform, f"7916111{number:04d}", text=f"t{number % 2}") for number in range(5)]
    log = platform.accepted
    assert [entry.message_id for entry in log] == [message.id for message in messages]
    assert [entry.message_id for entry in log[1:3]] == [message.id for message in messages[1:3]]
    assert log[-1].message_id == messages[-1].id
    assert [entry.to for entry in log.matching(text="t1")] == ["79161110001", "79161110003"]
    assert [entry.text for entry in log.matching(to="79161110002")] == ["t0"]
    assert log.matching(node=2) == []
    assert log.total == len(log) == 5


def test_added_outcomes_are_used(platform: Platform) -> None:
    platform.outcomes.add(NumberOutcome(suffix="2233", course="refused", code=430))
    assert refused(platform) == 430
