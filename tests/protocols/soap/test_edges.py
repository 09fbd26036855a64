"""Short ways of SOAP: ids that no request can carry, the probe, faults with a number, and requests that are full."""

from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError, InsufficientFunds, InvalidMessage, RequestRefused
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.soap import Recipient
from sms_traffic_async.settings_soap import SoapOptions
from tests.protocols.http.kit import raw_server, response
from tests.protocols.soap.kit import Script, accepted, client, envelope, sms_response
from tests.support.virtual_loop import virtual

pytestmark = virtual

TO = "79161112233"
BALANCE = envelope(
    "<BalanceResponse><Status><IsSuccess>true</IsSuccess><Code>0</Code></Status><Amount>5.00</Amount></BalanceResponse>"
)


@pytest.mark.parametrize("chunk", [0, 4_001, True, 2.5, "9"])
async def test_a_chunk_of_statuses_stays_readable(chunk: Any) -> None:
    """Nine elements a row, and the reader of XML has a bound."""
    script = Script.of(b"")
    async with raw_server(script) as url, client([url]) as soap:
        with pytest.raises(ConfigurationError, match="chunk is a whole number from 1 to 4000"):
            await soap.statuses(["1"], chunk=chunk)
    assert not script.lines


async def test_an_id_that_xml_cannot_carry_is_refused_before_any_io() -> None:
    script = Script.of(b"")
    async with raw_server(script) as url, client([url]) as soap:
        with pytest.raises(InvalidMessage, match="no control characters"):
            await soap.statuses(["1\x02"])
    assert not script.lines


async def test_statuses_of_messages_the_platform_does_not_know() -> None:
    """434 in place of statuses says that there are none; any other code is a refusal."""
    refused = (
        "<StatusResponse><Status><IsSuccess>false</IsSuccess><Code>{}</Code><Description>no</Description></Status>"
        "</StatusResponse>"
    )
    async with raw_server(Script.of(envelope(refused.format(434)))) as url, client([url]) as soap:
        found = await soap.statuses(["17", "18"])
    assert (found.found, found.missing) == ((), ("17", "18"))
    async with raw_server(Script.of(envelope(refused.format(411)))) as url, client([url]) as soap:
        with pytest.raises(RequestRefused) as caught:
            await soap.statuses(["17"])
    assert caught.value.code == 411


async def test_probe() -> None:
    """Any answer at all is a sign of life; none is not."""
    for answer, alive in ((BALANCE, True), ("fin", False)):
        script = Script.of(answer)
        async with raw_server(script) as url, client([url]) as soap:
            assert await soap.probe(SoapOptions(url=url).nodes[0].name) is alive
        assert len(script.lines) == 1


async def test_a_fault_that_names_a_number_is_that_refusal() -> None:
    """HTTP 500 alone may have been taken; no money was not."""
    fault = "<env:Fault><faultcode>env:Server</faultcode><detail><Code>415</Code></detail></env:Fault>"
    script = Script.of(response(envelope(fault), status="500 Internal Server Error"))
    async with raw_server(script) as url, client([url]) as soap:
        with pytest.raises(InsufficientFunds) as caught:
            await soap.submit(Message(to=TO, text="hello"))
    assert caught.value.code == 415
    assert len(script.lines) == 1


async def test_a_request_holds_six_thousand_parts() -> None:
    """A message that would not fit begins the next request, and nothing is left behind."""
    numbers = [f"79{number:09d}" for number in range(3_001)]
    first = sms_response("".join(accepted(to, to) for to in numbers[:3_000]))
    second = sms_response(accepted(numbers[-1], numbers[-1]))
    script = Script.of(first, second)
    async with raw_server(script) as url, client([url]) as soap:
        reply = await soap.send_individual([Recipient(to=to, text="щ" * 71) for to in numbers])
    assert reply.requests == 2
    assert [one.message_id for one in reply.accepted] == numbers
    assert [sum(body.count(to.encode()) for to in numbers) for body in script.bodies] == [3_000, 1]
