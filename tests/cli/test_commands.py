"""Every command against a real sandbox: what it prints, in which form, and its exit code."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sms_traffic_async.cli import main
from sms_traffic_async.sandbox import DEFAULT_API_KEY, Drop, FaultRule, Sandbox, Throttle
from tests.cli.conftest import Command, Platform

NUMBER = "79161112233"
LIST = "59353"


@pytest.mark.usefixtures("asks_soon")
@pytest.mark.parametrize("via", ["v2", "v1", "soap"])
def test_send_wait_and_status_by_every_protocol(cli: Command, via: str) -> None:
    done = cli("send", "+7 916 111-22-33", "Код 4827", "--via", via, "--validity", "900", "--wait", "20", "--json")
    assert done.code == 0, done.err
    sent, update = done.records
    assert (sent["via"], sent["to"], sent["parts"], sent["encoding"]) == (via, NUMBER, 1, "ucs2")
    assert (update["message_id"], update["status"], update["final"]) == (sent["message_ids"][0], "Delivered", True)

    asked = cli("status", sent["message_ids"][0], "1", "--via", via, "--json")
    assert asked.code == 3
    found, missing = asked.records
    assert found["status"] == "Delivered"
    assert (missing["message_id"], missing["status"], missing["reason"]) == ("1", None, "not known to the platform")
    assert found.keys() == missing.keys()
    # On 80 columns nothing that one would copy is cut in two.
    table = cli("status", sent["message_ids"][0], "1", "--via", via).out
    assert sent["message_ids"][0] in table
    assert datetime.fromisoformat(found["status_at"]).isoformat(" ", "seconds") in table


def test_validity_reaches_the_platform(cli: Command, platform: Platform) -> None:
    for via in ("v2", "v1", "soap"):
        assert cli("send", NUMBER, "valid", "--via", via, "--validity", "900").code == 0
    assert [message.validity for message in platform.sandbox.messages] == [900, 900, 900]


@pytest.mark.parametrize("via", ["v1", "soap"])
def test_flash(cli: Command, platform: Platform, via: str) -> None:
    assert cli("send", NUMBER, "flash", "--flash", "--via", via).code == 0
    assert [message.flash for message in platform.sandbox.messages] == [True]


def test_flash_by_v2_names_what_can(cli: Command) -> None:
    done = cli("send", NUMBER, "flash", "--flash", "--via", "v2")
    assert done.code == 2
    assert "HTTP v1, SOAP, SMPP and e-mail can" in " ".join(done.err.split())


def test_a_login_alone_speaks_v1(cli: Command) -> None:
    done = cli("send", NUMBER, "text", "--json", SMS_TRAFFIC_API_KEY="")
    assert done.records[0]["via"] == "v1"
    assert cli("status", *done.records[0]["message_ids"], SMS_TRAFFIC_API_KEY="").code == 0
    assert cli("balance", SMS_TRAFFIC_API_KEY="").code == 0


@pytest.mark.parametrize(
    "arguments,text",
    [
        (["-5 градусов"], "-5 градусов"),
        (["- да"], "- да"),
        (["--", "--json"], "--json"),
        (["--via", "v2", "--", "--wait 5"], "--wait 5"),
    ],
)
def test_a_text_may_begin_with_hyphens(cli: Command, platform: Platform, arguments: list[str], text: str) -> None:
    done = cli("send", NUMBER, *arguments)
    assert done.code == 0, done.err
    assert [message.text for message in platform.sandbox.messages] == [text]
    assert done.out.startswith("via")


@pytest.mark.parametrize("arguments", [["--flahs"], ["--wiat=5"], ["--flash", "--jsno"]])
def test_a_mistyped_option_is_not_sent(cli: Command, platform: Platform, arguments: list[str]) -> None:
    done = cli("send", NUMBER, *arguments)
    assert done.code == 2
    assert f"no option {arguments[-1].partition('=')[0]};" in done.err
    assert not platform.sandbox.messages


@pytest.mark.parametrize(
    "given,text",
    [("из файла\n".encode(), "из файла"), (b"one\r\ntwo\r\n", "one\r\ntwo"), (b"\xef\xbb\xbfbom", "bom")],
)
def test_a_text_from_standard_input(cli: Command, platform: Platform, given: bytes, text: str) -> None:
    assert cli("send", NUMBER, "-", stdin=given).code == 0
    assert [message.text for message in platform.sandbox.messages] == [text]
    assert cli("segments", "-", "--json", stdin=given).records[0]["texts"] == [text]


def test_standard_input_that_is_no_text(cli: Command, platform: Platform) -> None:
    secret = "Секрет".encode("cp1251")
    done = cli("send", NUMBER, "-", stdin=secret)
    assert done.code == 2
    assert "not UTF-8" in done.err
    assert cli("send", NUMBER, "-", stdin=b"x" * 1_000_001).code == 2
    assert not platform.sandbox.messages


def test_a_start_and_no_final_status_in_time(cli: Command) -> None:
    start = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    done = cli("send", NUMBER, "later", "--start-at", start, "--wait", "0.05", "--json")
    assert done.code == 1
    (sent,) = done.records
    assert datetime.fromisoformat(sent["start_at"]) == datetime.fromisoformat(start)
    assert f"sms-traffic status --via v2 {sent['message_ids'][0]}" in " ".join(done.err.split())
    by_v1 = cli("send", NUMBER, "later", "--start-at", start, "--wait", "5", "--via", "v1", "--json")
    assert by_v1.code == 1
    assert by_v1.records[0]["message_ids"] == []
    assert "nothing to wait for" in by_v1.err


@pytest.mark.usefixtures("asks_soon")
def test_not_delivered_is_3(cli: Command) -> None:
    done = cli("send", "79161119003", "text", "--wait", "20", "--json")
    assert done.code == 3
    assert (done.records[1]["status"], done.records[1]["error"]) == ("Non Delivered", 3)


def test_status_by_label(cli: Command) -> None:
    sent = cli("send", NUMBER, "labelled", "--tracking-data", "order-1", "--json").records[0]
    assert sent["tracking_data"] == "order-1"
    done = cli("status", "--tracking-data", "order-1", "--tracking-data", "order-2", "--json")
    assert done.code == 3
    assert [(record["message_id"], record["tracking_data"]) for record in done.records] == [
        (sent["message_ids"][0], "order-1"),
        (None, "order-2"),
    ]


@pytest.mark.parametrize("via", ["v2", "v1", "soap"])
def test_balance(cli: Command, via: str) -> None:
    done = cli("balance", "--via", via, "--json")
    assert done.code == 0, done.err
    assert float(done.records[0]["balance"]) > 0


def test_soap_goes_where_it_is_told(cli: Command, platform: Platform) -> None:
    first, second = platform.sandbox.soap_urls
    elsewhere = "http://127.0.0.1:1/soap.php"
    # Without an address SOAP goes to this machine's nodes, never from them to the real platform.
    assert cli("balance", "--via", "soap", "--json").records[0]["node"] in first
    named = cli("balance", "--via", "soap", "--json", SMS_TRAFFIC_SOAP_URL=f"{elsewhere},{second}")
    assert named.records[0]["node"] in second
    given = cli("balance", "--via", "soap", "--json", "--soap-url", second, SMS_TRAFFIC_SOAP_URL=elsewhere)
    assert given.records[0]["node"] in second
    assert cli("balance", "--via", "soap", "--soap-url", f"{first},{second},{elsewhere}").code == 4


def members_of(platform: Platform, list_id: int) -> list[str]:
    def read(sandbox: Sandbox) -> list[str]:
        found = sandbox.accounts.get().lists.by_id(list_id)
        assert found is not None
        return list(found.members)

    return platform.do(read)


def test_lists(cli: Command, platform: Platform) -> None:
    listed = cli("lists", "--json")
    assert listed.code == 0, listed.err
    assert [(one["id"], one["name"]) for one in listed.records] == [
        ("59353", "hello world"),
        ("59355", "клиенты"),
        ("59357", "test"),
    ]
    assert cli("lists").out.splitlines()[0].split() == ["id", "name", "created_at"]

    before = members_of(platform, int(LIST))
    added = cli("lists", "add", LIST, "+7 916 000-00-01", "79160000002", "--json")
    assert added.records == [{"id": LIST, "numbers": 2, "counted": 2, "requests": 1}]
    more = b"\xef\xbb\xbf79160000003\r\n\r\n7 916 000 00 04; 79160000005\r\n"
    assert cli("lists", "add", LIST, "-", stdin=more).out == f"3 numbers added to list {LIST}\n"
    new = [f"7916000000{last}" for last in range(1, 6)]
    assert members_of(platform, int(LIST)) == before + new

    assert cli("lists", "remove", LIST, new[0]).out == f"1 number removed from list {LIST}\n"
    assert cli("lists", "remove", LIST, "-", stdin="\n".join(new[1:]).encode()).code == 0
    assert members_of(platform, int(LIST)) == before


def test_one_list(cli: Command) -> None:
    shown = cli("lists", "show", LIST)
    assert (shown.code, shown.out.splitlines()[1].split()[:3]) == (0, [LIST, "hello", "world"])
    assert "names no members" in shown.err

    with answering(LIST_WITH_MEMBERS) as node:
        record = cli("lists", "show", "59357", "--json", "--node", node).records[0]
        assert (record["name"], record["members"]) == ("test", ["79051112233", "79261112233"])
        table = cli("lists", "show", "59357", "--node", node)
        assert table.out.split()[-3:] == ["member", "79051112233", "79261112233"]
        assert table.err == ""


def test_incoming_that_may_be_incomplete(cli: Command) -> None:
    """What there is is printed, and the exit code says that it may not be all."""
    rows = "".join(
        f"<message><from_phone>{NUMBER}</from_phone><text>{number}</text><sms_id>{number}</sms_id></message>"
        for number in range(100)
    )
    page = f"<?xml version='1.0'?><reply><count>120</count><messages>{rows}</messages></reply>"
    with answering(page.encode()) as node:
        done = cli("incoming", "--json", "--node", node)
    assert done.code == 3
    assert len(done.records) == 100
    assert "there may be more" in done.err


LIST_WITH_MEMBERS = b"""<?xml version="1.0"?><reply><result>OK</result><code>0</code>
<description>total groups: 1</description><groups><group><id>59357</id><name>test</name>
<created>2020-05-09 11:48:49</created><congratulate>0</congratulate>
<members><member>79051112233</member><member>79261112233</member></members></group></groups></reply>"""


@contextlib.contextmanager
def answering(body: bytes) -> Iterator[str]:
    """A platform that answers every POST with the same: the form of this answer is not documented."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_numbers_that_are_none_change_nothing_and_are_named_by_line(cli: Command, platform: Platform) -> None:
    before = members_of(platform, 59_355)
    done = cli("lists", "add", "59355", "-", "--json", stdin=b"phone\n79160000009\n12\n" + b"x\n" * 9)
    assert done.code == 2
    said = done.records[0]["message"]
    assert "line 1: " in said
    assert "line 3: " in said
    assert "line 2: " not in said
    assert said.endswith("and 6 more")
    assert cli("lists", "add", "59355", "-", stdin=b" \n\n").code == 2
    assert members_of(platform, 59_355) == before


def test_incoming(cli: Command, platform: Platform) -> None:
    nothing = cli("incoming")
    assert (nothing.code, nothing.out) == (0, "")
    assert "no messages" in nothing.err

    def write(sandbox: Sandbox) -> None:
        for sender, text in (("79031112233", "first"), (NUMBER, "СТОП :+1:"), ("79031112233", "last")):
            sandbox.platform.receive(sender=sender, recipient="74957873595", text=text)

    platform.do(write)
    assert [one["text"] for one in cli("incoming", "--json").records] == ["first", "СТОП :+1:", "last"]
    assert [one["text"] for one in cli("incoming", "--count", "2", "--json").records] == ["СТОП :+1:", "last"]
    assert [one["sender"] for one in cli("incoming", "--sender", NUMBER, "--json").records] == [NUMBER]
    assert len(cli("incoming", "--since", "1h", "--json").records) == 3
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert cli("incoming", "--since", future, "--json").out == ""
    # What a subscriber writes is printed as it came: no emoji is made of it.
    shown = cli("incoming").out
    assert "СТОП :+1:" in shown
    # The list has no number of the account (document, operation=incoming): a column for it would always be empty.
    assert shown.split("\n", 1)[0].split() == ["sender", "sent_at", "text"]


def test_report(cli: Command, tmp_path: Path) -> None:
    cli("send", "79161112235", "для отчёта; \x1b[31m")
    only = ("--since", "1h", "--subscriber", "79161112235")
    fields = ("--field", "subscriber", "--field", "message")
    rows = cli("report", *only, *fields, "--json")
    assert rows.code == 0, rows.err
    assert [row["subscriber"] for row in rows.records] == ["79161112235"]
    table = cli("report", *only, *fields).out.splitlines()
    assert table[0] == "subscriber;message"
    assert table[1].startswith("79161112235;")

    target = tmp_path / "report.csv"
    saved = cli("report", *only, "--to", str(target), "--json")
    assert saved.code == 0, saved.err
    assert saved.records == [{"file": str(target), "bytes": target.stat().st_size, "rows": None}]
    assert "79161112235" in target.read_text(encoding="utf-8")
    lines = tmp_path / "report.jsonl"
    for form in ("csv", "json"):
        saved = cli("report", *only, *fields, "--to", str(lines), "--json", "--format", form)
        assert saved.records == [{"file": str(lines), "bytes": lines.stat().st_size, "rows": 1}]
        (row,) = (json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines())
        assert row == {"subscriber": "79161112235", "message": "для отчёта; \x1b[31m"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.csv", "report.jsonl"]
    unwritable = cli("report", *only, "--to", str(tmp_path / "no" / "report.csv"))
    assert unwritable.code == 1
    assert "there is no such folder" in " ".join(unwritable.err.split())

    mine = ("report", *only, "--field", "id", "--json", "--department")
    assert [len(cli(*mine, login).records) for login in ("", "sandbox:sales")] == [1, 0]
    seen = [cli("report", *only, "--json", *channels).records for channels in (["--channel", "viber"],
            ["--channel", "viber", "--channel", "sms"])]  # fmt: skip
    assert [len(rows) for rows in seen] == [0, 1]

    nothing = cli("report", "--since", "1h", "--subscriber", "79990000000")
    assert (nothing.code, nothing.out) == (0, "")
    assert "no messages" in nothing.err


FAILURES: list[tuple[list[str], dict[str, str], int, str]] = [
    (["send", NUMBER], {}, 2, "requires an argument"),
    (["nonsense"], {}, 2, 'Unknown command "nonsense"'),
    (["outbox", "status", "--state", "helds"], {}, 2, 'Did you mean "held"? See: sms-traffic outbox status --help'),
    (["send", NUMBER, "not", "quoted"], {}, 2, "needs quotes. See: sms-traffic send --help"),
    (["send", NUMBER, "text", "--nonsense"], {}, 2, "--nonsense"),
    (["lists", "nonsense"], {}, 2, "See: sms-traffic lists --help"),
    (["lists", "show", "x"], {}, 2, "See: sms-traffic lists show --help"),
    (["lists", "add", LIST], {}, 2, "NUMBERS"),
    (["lists", "add", LIST, "12"], {}, 2, "invalid length"),
    (["status"], {}, 2, "nothing to ask for"),
    (["status", "--tracking-data", "a", "--via", "v1"], {}, 2, "v2 only"),
    (["balance", "--via", "smtp"], {}, 2, "--via"),
    (["balance", "--timeout", "0"], {}, 2, "--timeout"),
    (["send", "12", "text"], {}, 2, "to:"),
    (["send", NUMBER, "text", "--start-at", "soon"], {}, 2, "--start-at: a time with its zone"),
    (["report", "--since", "today"], {}, 2, "--since"),
    (["report"], {}, 2, "--since"),
    (["incoming", "--count", "0"], {}, 2, "--count"),
    (
        ["balance"],
        {"SMS_TRAFFIC_API_KEY": "", "SMS_TRAFFIC_LOGIN": "", "SMS_TRAFFIC_PASSWORD": ""},
        4,
        "SMS_TRAFFIC_AP",
    ),
    (["lists"], {"SMS_TRAFFIC_LOGIN": "", "SMS_TRAFFIC_PASSWORD": ""}, 4, "SMS_TRAFFIC_LOGIN"),
    (["report", "--since", "1h"], {"SMS_TRAFFIC_API_KEY": ""}, 4, "SMS_TRAFFIC_API_KEY"),
    (["balance"], {"SMS_TRAFFIC_API_KEY": "1/wrong"}, 4, "Check the API key"),
    (["lists"], {"SMS_TRAFFIC_PASSWORD": "wrong"}, 4, "Check the login"),
    (["send", NUMBER, "text", "--via", "soap"], {"SMS_TRAFFIC_PASSWORD": "wrong"}, 4, "Check the login"),
    (["balance", "--node", "http://example.com"], {}, 4, "use https"),
    (["send", "79161119432", "text"], {}, 5, "432"),
    (["lists", "show", "1"], {}, 5, "413"),
    (["send", NUMBER, "text"], {"SMS_TRAFFIC_ONLY_TO": "79990000000"}, 1, "ONLY_TO"),
    (["balance", "--node", "http://127.0.0.1:1", "--timeout", "0.2"], {}, 1, "--timeout allows more"),
]


@pytest.mark.parametrize("arguments,environ,code,says", FAILURES, ids=[" ".join(one[0]) for one in FAILURES])
def test_what_goes_wrong_is_said_with_its_exit_code(
    cli: Command, arguments: list[str], environ: dict[str, str], code: int, says: str
) -> None:
    done = cli(*arguments, stdin=None, **environ)
    assert done.code == code, done.out + done.err
    assert says in " ".join(done.err.split())
    assert done.out == ""
    as_json = cli(*arguments, "--json", stdin=None, **environ)
    assert as_json.code == code
    (record,) = as_json.records
    assert record["exit_code"] == code
    assert says in f"{record['message']} --timeout allows more"
    assert list(record) == [
        "error", "message", "exit_code", "outcome", "code", "node", "key", "tracking_data", "retry_after",
    ]  # fmt: skip
    for said in (done.err, as_json.out, as_json.err):
        assert DEFAULT_API_KEY.split("/")[1] not in said
        assert NUMBER not in said
        assert "quoted" not in said


def test_an_unknown_outcome_is_6_and_says_how_to_ask(cli: Command, platform: Platform) -> None:
    platform.do(lambda sandbox: sandbox.faults.add(FaultRule(effect=Drop(), operation="send")))
    platform.do(lambda sandbox: sandbox.faults.add(FaultRule(effect=Drop(), operation="statuses")))
    done = cli("send", NUMBER, "text", "--timeout", "0.3", "--json")
    assert done.code == 6
    (record,) = done.records
    assert record["outcome"] == "unknown"
    label = record["tracking_data"]
    again = cli("send", NUMBER, "text", "--timeout", "0.3")
    assert again.code == 6
    assert "sms-traffic status --tracking-data" in " ".join(again.err.split())
    platform.do(lambda sandbox: sandbox.faults.clear())
    assert cli("status", "--tracking-data", label).code == 0
    assert cli("send", NUMBER, "text", "--via", "v1").code == 0


def test_rate_limited_is_7(cli: Command, platform: Platform) -> None:
    platform.do(lambda sandbox: sandbox.faults.add(FaultRule(effect=Throttle(retry_after=600), operation="send")))
    done = cli("send", NUMBER, "text", "--timeout", "5", "--json")
    assert done.code == 7
    assert done.records[0]["retry_after"] == pytest.approx(600, abs=2)


def test_segments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segments", "a" * 161, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["encoding"], record["parts"], record["units_left"]) == ("gsm7", 2, 145)
    assert main(["segments", "one \x1b[31m euro: €"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert "without them" not in shown
