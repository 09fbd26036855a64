"""``send --via smpp`` against a real sandbox: one message, and nobody's place to receive at is taken."""

from tests.cli.conftest import Command, Platform

NUMBER = "79161112233"


def servers(platform: Platform) -> str:
    return ",".join(platform.sandbox.smpp.servers(tls=False))


def test_a_message_is_sent_and_its_end_is_asked_for(cli: Command, platform: Platform) -> None:
    done = cli(
        "send",
        NUMBER,
        "Код 4827",
        "--via",
        "smpp",
        "--wait",
        "10",
        "--json",
        SMS_TRAFFIC_SMPP_SERVERS=servers(platform),
    )
    assert done.code == 0, done.err
    sent, update = done.records
    assert (sent["via"], sent["to"], len(sent["message_ids"])) == ("smpp", NUMBER, 1)
    assert update["status"] == "Delivered"
    assert [(entry.text, entry.protocol) for entry in platform.sandbox.accepted] == [("Код 4827", "smpp")]


def test_it_binds_as_a_transmitter(cli: Command, platform: Platform) -> None:
    modes: list[str] = []

    def look(_: object) -> None:
        modes.extend(link.mode for link in platform.sandbox.smpp.bound)

    platform.do(lambda sandbox: sandbox.platform.arrivals.append(look))
    try:
        server = servers(platform).partition(",")[0]
        assert cli("send", NUMBER, "Код", "--via", "smpp", "--smpp-server", server).code == 0
    finally:
        platform.do(lambda sandbox: sandbox.platform.arrivals.remove(look))
    assert set(modes) == {"transmitter"}


def test_what_smpp_cannot_carry_is_refused_first(cli: Command, platform: Platform) -> None:
    done = cli("send", NUMBER, "Код", "--via", "smpp", "--key", "a", SMS_TRAFFIC_SMPP_SERVERS=servers(platform))
    assert done.code == 2
    assert "HTTP v2 can" in " ".join(done.err.split())
    assert not platform.sandbox.accepted


def test_a_sandbox_without_named_servers_is_not_taken_for_the_platform(cli: Command, platform: Platform) -> None:
    done = cli("send", NUMBER, "Код", "--via", "smpp", SMS_TRAFFIC_SMPP_SERVERS="")
    assert done.code == 4
    assert "have to be named: --smpp-server or SMS_TRAFFIC_SMPP_SERVERS" in " ".join(done.err.split())
    assert not platform.sandbox.accepted
