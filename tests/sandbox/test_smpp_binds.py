"""Who may bind to the sandbox's SMSC, over which port, in which place; ghosts."""

import ssl
from dataclasses import replace
from decimal import Decimal

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import (
    Account,
    Drop,
    FaultRule,
    GhostBind,
    Sandbox,
    Status,
)
from sms_traffic_async.secrets import Secret
from tests.sandbox.foreign import Foreign
from tests.sandbox.smpp_kit import (
    DELIVER,
    RECEIVER,
    RESPONSE,
    SUBMIT,
    TRANSCEIVER,
    TRANSMITTER,
    UNBIND,
    Esme,
    read_string,
    settle,
    submit_body,
    tlvs_of,
)

ALREADY, BIND_FAILED, BAD_PASSWORD, OUT_OF_PLACE = 0x05, 0x0D, 0x0E, 0x04
MODES = pytest.mark.parametrize("mode", [TRANSMITTER, RECEIVER, TRANSCEIVER], ids=["tx", "rx", "trx"])


@MODES
async def test_table_1_binds(sandbox: Sandbox, mode: int) -> None:
    async with Esme(sandbox) as esme:
        answer = await esme.bound(mode)
        assert (answer.command, answer.status) == (mode | RESPONSE, 0)
        system_id, _, rest = answer.body.partition(b"\0")
        assert system_id == b"SMSTraffic"
        assert tlvs_of(rest) == {0x0210: b"\x34"}
        (link,) = sandbox.smpp.bound
        assert (link.node, link.tls, link.system_id) == (1, False, "sandbox")
    assert sandbox.smpp.bound == ()
    assert not sandbox.findings


@MODES
@pytest.mark.parametrize("system_id, password", [("nobody", "sandbox"), ("sandbox", "wrong"), ("sandbox:x", "sandbox")])
async def test_bad_credentials(sandbox: Sandbox, mode: int, system_id: str, password: str) -> None:
    """The document gives 0x0E for either half (0x0F is not among its errors)."""
    async with Esme(sandbox) as esme:
        answer = await esme.bound(mode, system_id=system_id, password=password)
        assert answer.status == BAD_PASSWORD
        assert await esme.bind(mode) == 0  # the connection is still good
    assert [finding.field for finding in sandbox.findings] == ["system_id"]
    assert "wrong" not in repr(list(sandbox.findings))


async def test_no_money(sandbox: Sandbox) -> None:
    account = sandbox.accounts.get()
    account.balance = Decimal(0)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == BIND_FAILED
        account.credit = Decimal(5)
        assert await esme.bind() == 0


@pytest.mark.parametrize("ours", ["127.0.0.1", "127.0.0.0/8", "127.0.0.0/16", "127.0.0.0/24"])
async def test_other_addresses(sandbox: Sandbox, ours: str) -> None:
    """The document limits binds to addresses and to networks of classes A, B and C."""
    sandbox.accounts.get().allowed_ips = {"10.0.0.1", "10.0.0.0/8"}
    async with Esme(sandbox) as esme:
        assert await esme.bind() == BIND_FAILED
        sandbox.accounts.get().allowed_ips.add(ours)
        assert await esme.bind() == 0


@pytest.mark.parametrize("first", [RECEIVER, TRANSCEIVER])
@pytest.mark.parametrize("second", [RECEIVER, TRANSCEIVER])
async def test_one_receiver_a_node_and_system_id(sandbox: Sandbox, first: int, second: int) -> None:
    async with Esme(sandbox) as one, Esme(sandbox) as two, Esme(sandbox, node=2) as other_node:
        assert await one.bind(first) == 0
        assert await two.bind(second) == ALREADY
        assert await other_node.bind(second) == 0
        assert await two.bind(TRANSMITTER) == 0
        assert (await one.call(UNBIND)).status == 0
        async with Esme(sandbox) as three:
            assert await three.bind(second) == 0


async def test_transmitters_are_not_counted(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as one, Esme(sandbox) as two, Esme(sandbox) as three:
        for esme in (one, two, three):
            assert await esme.bind(TRANSMITTER) == 0
        assert len(sandbox.smpp.bound) == 3


async def test_departments_have_places_of_their_own(sandbox: Sandbox) -> None:
    account = sandbox.accounts.get()
    account.add_department("shop", "s3cret")
    account.add_department("named", "s3cret").system_id = "shop-2"
    async with Esme(sandbox) as main, Esme(sandbox) as shop, Esme(sandbox) as named:
        assert await main.bind() == 0
        assert await shop.bind(system_id="sandbox:shop", password="s3cret") == 0
        assert await named.bind(system_id="sandbox:named", password="s3cret") == BAD_PASSWORD
        assert await named.bind(system_id="shop-2", password="s3cret") == 0
        await named.sent(b"from a department")
    (message,) = sandbox.messages
    assert (message.login, message.department) == ("sandbox:named", "named")


async def test_passwords_past_eight_characters(sandbox: Sandbox) -> None:
    sandbox.accounts.add(Account(login="long", password=Secret("p@ssw0rd-of-24-characters")))
    async with Esme(sandbox) as esme:
        assert await esme.bind(system_id="long", password="p@ssw0rd-of-24-characters") == 0


async def test_bound_once_a_connection(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert (await esme.submit()).status == OUT_OF_PLACE
        assert await esme.bind(TRANSMITTER) == 0
        assert await esme.bind(RECEIVER) == ALREADY
        assert (await esme.submit()).status == 0
    async with Esme(sandbox) as esme:
        assert await esme.bind(RECEIVER) == 0
        assert (await esme.submit()).status == OUT_OF_PLACE


async def test_the_ports(sandbox: Sandbox) -> None:
    assert len({sandbox.smpp_address(node, tls=tls) for node in (1, 2) for tls in (False, True)}) == 4
    assert sandbox.smpp.servers()[1] == f"smpps://127.0.0.1:{sandbox.smpp_address(2)[1]}"
    assert sandbox.smpp.servers(tls=False)[0] == f"smpp://127.0.0.1:{sandbox.smpp_address(1, tls=False)[1]}"


async def test_tls(sandbox: Sandbox) -> None:
    context = sandbox.smpp.certificates.client()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    async with Esme(sandbox, node=2, tls=context) as esme:
        assert await esme.bind() == 0
        assert read_string((await esme.submit()).body) == sandbox.messages[0].id
        assert sandbox.smpp.bound[0].tls
        assert sandbox.messages[0].node == 2


async def test_its_certificate_is_nobody_elses(sandbox: Sandbox) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        async with Esme(sandbox, tls=ssl.create_default_context()):
            pass


async def test_what_speaks_plainly_to_the_tls_port_is_refused(sandbox: Sandbox) -> None:
    esme = Esme(sandbox)
    esme._address = sandbox.smpp_address(1, tls=True)
    async with esme:
        esme.send(TRANSCEIVER, b"sandbox\0sandbox\0\0\x34\0\0\0")
        assert await esme.ended() or sandbox.smpp.bound == ()


async def test_without_smpp() -> None:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None) as sandbox:
        with pytest.raises(ConfigurationError):
            sandbox.smpp_address()
        with pytest.raises(ConfigurationError):
            _ = sandbox.smpp.certificates
    with pytest.raises(ConfigurationError, match="two nodes"):
        Sandbox(smpp_ports=(0,))


async def test_options_for_the_client(sandbox: Sandbox) -> None:
    options = sandbox.smpp.options(window=50)
    assert (options.servers, options.window) == (sandbox.smpp.servers(), 50)
    assert options.ssl_context is not None
    assert sandbox.smpp.options(tls=False).ssl_context is None


async def test_ghosts_by_switch(sandbox: Sandbox) -> None:
    """A connection that was lost keeps its place for two minutes of the platform's time; unbind gives it back."""
    sandbox.switches = replace(sandbox.switches, smpp_ghost=120.0)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.call(UNBIND)).status == 0
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
    assert list(sandbox.smpp.slots.ghosts()) == [(1, "sandbox")]
    async with Esme(sandbox) as esme, Esme(sandbox, node=2) as other:
        assert await esme.bind() == ALREADY
        assert await other.bind() == 0
        await sandbox.advance(119)
        assert await esme.bind() == ALREADY
        await sandbox.advance(1)
        assert await esme.bind() == 0


async def test_ghosts_by_fault_and_by_hand(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=GhostBind(seconds=10), operation="bind", nth=1))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
    sandbox.smpp.slots.add_ghost(2, "sandbox", 30)
    async with Esme(sandbox) as esme, Esme(sandbox, node=2) as other:
        assert await esme.bind() == ALREADY
        assert await other.bind() == ALREADY
        await sandbox.advance(10)
        assert await esme.bind() == 0
        assert await other.bind() == ALREADY
        sandbox.reset()
        assert await other.bind() == 0
    # The second bind was not struck: no ghost of it.
    assert list(sandbox.smpp.slots.ghosts()) == []


@pytest.mark.parametrize("status", [0x05, 0x08, 0x0D, 0x0F, 0x58, 0x400, 0xFFFF_FFFF])
@pytest.mark.parametrize("bare", [False, True])
async def test_a_bind_can_be_refused_with_any_status(sandbox: Sandbox, status: int, bare: bool) -> None:
    sandbox.faults.add(FaultRule(effect=Status(status=status, bare=bare), operation="bind", nth=1))
    async with Esme(sandbox) as esme:
        answer = await esme.bound()
        assert (answer.status, answer.body == b"") == (status, bare)
        assert sandbox.smpp.bound == ()
        assert await esme.bind() == 0


async def test_a_yes_that_is_a_bare_header(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Status(status=0, bare=True), operation="bind"))
    async with Esme(sandbox) as esme:
        answer = await esme.bound()
        assert (answer.status, answer.body) == (0, b"")
        assert (await esme.submit()).status == 0


async def test_a_no_after_the_place_was_taken_gives_it_back(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Status(status=0x45, when="after"), operation="bind", nth=1))
    async with Esme(sandbox) as esme, Esme(sandbox) as other:
        assert await esme.bind() == 0x45
        assert await other.bind() == 0


async def test_a_connection_that_is_cut_at_the_bind(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Drop(when="after", how="fin"), operation="bind", nth=1))
    async with Esme(sandbox) as esme:
        esme.send(TRANSCEIVER, b"sandbox\0sandbox\0\0\x34\0\0\0")
        assert await esme.ended()
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0


async def test_unbind_and_drop_by_hand(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as one, Esme(sandbox, node=2) as two:
        assert await one.bind() == 0
        assert await two.bind() == 0
        assert sandbox.smpp.unbind(node=1) == 1
        request = await one.next(command=UNBIND)
        one.send(UNBIND | RESPONSE, sequence=request.sequence)
        assert await one.ended()
        assert sandbox.smpp.drop() == 1
        assert await two.ended()
    await settle()
    assert sandbox.smpp.bound == ()


async def test_what_waits_when_the_platform_unbinds_is_kept(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent()
        sandbox.smpp.unbind()
        request = await esme.next(command=UNBIND)
        esme.send(SUBMIT, submit_body(b"late"))
        answer = await esme.next(command=SUBMIT | RESPONSE)
        assert answer.status == 0  # it was on its way when the platform said unbind
        esme.send(UNBIND | RESPONSE, sequence=request.sequence)
        assert await esme.ended()
    await sandbox.advance(5)
    async with Esme(sandbox) as esme:
        assert await esme.bind(RECEIVER) == 0
        assert {(await esme.next(command=DELIVER)).command for _ in range(2)} == {DELIVER}


async def test_closing_with_links_open(no_tasks_left: None) -> None:
    async with Sandbox() as sandbox:
        context = sandbox.smpp.certificates.client()
        plain, over_tls = Esme(sandbox), Esme(sandbox, node=2, tls=context)
        await plain.__aenter__()
        await over_tls.__aenter__()
        assert await plain.bind() == 0
        assert await over_tls.bind() == 0
    assert await plain.ended()
    assert await over_tls.ended()
    await plain.close()
    await over_tls.close()


async def test_proxies_stand_in_front() -> None:
    async with Sandbox(proxied=True) as sandbox:
        assert set(sandbox.smpp.proxies) == {(1, False), (2, False), (1, True), (2, True)}
        async with Esme(sandbox) as esme:
            assert await esme.bind() == 0
            assert await sandbox.smpp.proxies[1, False].drop_all() == 1
            assert await esme.ended()
        await settle()
        assert sandbox.smpp.bound == ()


async def test_over_the_control_api(sandbox: Sandbox) -> None:
    async with Foreign(sandbox) as http, Esme(sandbox) as one, Esme(sandbox, node=2) as two:
        assert await one.bind() == 0
        assert await two.bind(TRANSMITTER) == 0
        sandbox.platform.inbound(sender="79161112233", recipient="3299", text="hello")
        await one.delivered()
        sandbox.smpp.slots.add_ghost(2, "sandbox", 60)
        shown = (await http.call("GET", "/_sandbox/smpp")).json()
        assert shown["servers"][1] == {"node": 1, "tls": True, "port": sandbox.smpp_address(1)[1]}
        assert [(link["node"], link["mode"]) for link in shown["bound"]] == [(1, "transceiver"), (2, "transmitter")]
        assert shown["ghosts"] == [{"node": 2, "system_id": "sandbox"}]
        assert (shown["waiting"], shown["deliveries"]) == (0, {"inbounds delivered": 1})
        assert (await http.post("/_sandbox/smpp/unbind", {"node": 1})) == {"unbound": 1}
        assert (await one.next(command=UNBIND)).command == UNBIND
        assert (await http.post("/_sandbox/smpp/drop", {"how": "fin"})) == {"dropped": 2}
        assert await two.ended()
        bodies: tuple[object, ...] = ({"node": 3}, {"node": True}, {"how": "gently"}, {"nodes": 1}, [])
        for wrong in bodies:
            assert (await http.call("POST", "/_sandbox/smpp/drop", json=wrong)).status_code == 400, wrong
        assert (await http.call("POST", "/_sandbox/smpp/unbind", json={"how": "rst"})).status_code == 400
