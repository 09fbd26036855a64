"""Short ways of e-mail: 8-bit letters, letters taken as the session closes, deadlines between letters, and old MX."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from dns import resolver

from sms_traffic_async.errors import ConfigurationError, InvalidMessage, NotSent, TemporarilyUnavailable
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.smtp.link import QUIT_SECONDS
from sms_traffic_async.protocols.smtp.servers import KEEP_SECONDS
from tests.protocols.smtp.kit import START, Script, client, scripted
from tests.protocols.smtp.test_sending import mx, name_server
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

TO = "79161112233"
TEXT = "Ваш код 123456"
MESSAGE = Message(to=TO, text=TEXT)
HOST = "127.0.0.1"


@pytest.mark.parametrize("offered", [True, False])
async def test_eight_bits_are_announced_where_they_are_understood(offered: bool) -> None:
    """RFC 6152: BODY=8BITMIME only to a server that offered it."""
    hello = b"250-me\r\n250 8BITMIME\r\n" if offered else b"250 me\r\n"
    script = Script({"EHLO": hello})
    async with scripted(script) as port, client(HOST, port, transfer_encoding="8bit") as smtp:
        await smtp.submit(MESSAGE)
    (mail,) = [line for line in script.commands if line.startswith("MAIL")]
    assert mail.endswith(" BODY=8BITMIME") is offered
    assert TEXT.encode() in script.letters[0]


async def test_a_server_of_the_old_kind_is_greeted_in_the_old_way() -> None:
    script = Script({"EHLO": "502 what", "HELO": "250 me"})
    async with scripted(script) as port, client(HOST, port, transfer_encoding="8bit") as smtp:
        await smtp.submit(MESSAGE)
    assert script.commands[:3] == ["EHLO yourdomain.ru", "HELO yourdomain.ru", "MAIL FROM:<yourname@yourdomain.ru>"]


async def test_a_server_that_is_too_busy_to_greet_is_not_greeted_again() -> None:
    """421 and the end of the connection (RFC 5321, 3.8)."""
    script = Script({"EHLO": "421 busy"})
    async with scripted(script) as port, client(HOST, port) as smtp:
        with pytest.raises(TemporarilyUnavailable):
            await smtp.submit(MESSAGE, timeout=0.1)
    assert script.commands == ["EHLO yourdomain.ru"]


async def test_a_letter_that_was_taken_is_accepted_whatever_becomes_of_the_farewell() -> None:
    """The session closes while the server is silent after QUIT: 250 came, and that is what is told."""
    life, clock = Life(), VirtualClock(wall=START.timestamp())
    script = Script({"QUIT": "hang"})
    async with scripted(script) as port, client(HOST, port, life=life, clock=clock) as smtp:
        began = clock.monotonic()
        task = asyncio.create_task(smtp.submit(MESSAGE))
        while "QUIT" not in script.commands:
            await asyncio.sleep(0)
        await life.close(QUIT_SECONDS / 10)
        assert isinstance(await task, Submission)
        assert clock.monotonic() - began < QUIT_SECONDS
        life.closed()


async def test_a_letter_whose_turn_comes_too_late_was_not_tried() -> None:
    """The first takes all the time there was; the second one's recipient is told that nothing left."""
    script = Script({"DATA": "hang"})
    async with scripted(script) as port, client(HOST, port, variant=1) as smtp:
        first, second = (await smtp.send([TO, "79161112234"], TEXT, timeout=2.0)).outcomes
    assert isinstance(first, NotSent)
    assert isinstance(second, NotSent)
    assert (second.reason, script.connections) == ("expired", 1)


async def test_what_no_letter_can_hold_is_refused_before_any_io() -> None:
    script = Script()
    async with scripted(script) as port, client(HOST, port) as smtp:
        with pytest.raises(InvalidMessage) as caught:
            await smtp.send([TO], TEXT * 100, max_parts=2)
    assert (caught.value.field, script.connections) == ("text", 0)


async def test_mx_records_are_asked_for_again_and_the_servers_stay_known() -> None:
    """After five minutes; what is known of a server's health is not forgotten with them."""
    clock, script = VirtualClock(wall=START.timestamp()), Script()
    async with (
        scripted(script) as port,
        name_server((20, "127.0.0.1"), (10, "127.0.0.2")) as names,
        client(None, port, clock=clock, **mx(names)) as smtp,
    ):
        for _ in range(5):
            assert (await smtp.submit(MESSAGE)).attempts == 2
        assert (await smtp.submit(MESSAGE)).attempts == 1, "127.0.0.2 refused five times"
        await clock.sleep(KEEP_SECONDS)
        await smtp.submit(MESSAGE)
        servers: Any = smtp._office.servers
        assert [node.failures for node in servers._known.snapshot()] != [0, 0]
    assert len(script.letters) == 7


async def test_the_systems_own_name_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    async with scripted(script) as port, name_server((10, HOST)) as names:

        def configured(self: Any, _file: Any) -> None:
            self.nameservers, self.port = [HOST], names

        monkeypatch.setattr(resolver.BaseResolver, "read_resolv_conf", configured)
        async with client(None, port, mx=True) as smtp:
            assert (await smtp.submit(MESSAGE)).node == HOST


async def test_mx_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dns", None)
    async with client(None, 25, mx=True) as smtp:
        with pytest.raises(ConfigurationError, match=r"sms-traffic-async\[mx\]"):
            await smtp.submit(MESSAGE)
