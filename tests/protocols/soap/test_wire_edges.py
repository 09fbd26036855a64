"""What is left of the SOAP bytes: refusals in place of answers, faults with a bare detail, and what is printed."""

from __future__ import annotations

from typing import Any

from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http_v1.models import IncompleteIncoming
from sms_traffic_async.protocols.smtp.models import Letter
from sms_traffic_async.protocols.soap.models import Info, Member, SendOptions, SendRequest
from sms_traffic_async.protocols.soap.wire import SoapFault, decode_balance, decode_statuses, read_fault
from sms_traffic_async.protocols.xml import Element, read
from tests.protocols.soap.kit import envelope

REFUSED = "<{0}><Status><IsSuccess>false</IsSuccess><Code>415</Code><Description>no money</Description></Status></{0}>"


def root(content: str, **how: Any) -> Element:
    return read(envelope(content, **how))


def test_a_refusal_in_place_of_statuses_or_of_a_balance() -> None:
    for answer, decoded in (
        ("StatusResponse", decode_statuses(root(REFUSED.format("StatusResponse")), ["1"])),
        ("BalanceResponse", decode_balance(root(REFUSED.format("BalanceResponse")))),
    ):
        assert isinstance(decoded, Fault), answer
        assert decoded.code == 415


def test_a_fault_whose_detail_names_no_code_is_the_servers_own() -> None:
    fault = "<Fault><faultcode>env:Server</faultcode><faultstring>why</faultstring><detail><x>1</x></detail></Fault>"
    assert read_fault(root(fault)) == SoapFault(reason="why", ours=False)
    fault = "<Fault><faultcode>env:Client.Authentication</faultcode><faultstring>why</faultstring></Fault>"
    assert read_fault(root(fault)) == SoapFault(reason="why", ours=True)


def test_what_is_printed_holds_no_number_and_no_text() -> None:
    member = Member(index=0, key="k", to="79161112233", text="Код 1234")
    printed = [
        repr(SendRequest(members=(member,), options=SendOptions(latin=False))),
        repr(SendOptions(latin=False)),
        repr(Info(phone="79161112233", result="Accepted", message_id="77")),
        repr(Letter(key="k", to="79161112233@example.org", content=b"1234", members=())),
    ]
    assert printed[0] == "SendRequest(1 messages)"
    assert printed[2] == "Info(result='Accepted', message_id='77')"
    assert printed[3] == "Letter('k', 0 messages)".replace("'k'", "key='k'")
    assert not [one for one in printed if "7916" in one or "1234" in one]


def test_an_incomplete_list_of_incoming_messages_keeps_what_it_has() -> None:
    kept: tuple[InboundMessage, ...] = ()
    error = IncompleteIncoming("more of them may wait", messages=kept)
    assert error.messages == kept
    assert "more of them may wait" in str(error)
