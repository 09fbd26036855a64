"""``bulk`` against a real sandbox: what goes out, what is written down, and that nothing goes out twice."""

import contextlib
import csv
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox
from tests.cli.conftest import Command, Done, Platform
from tests.support.children import killed_at_last

ROOT = Path(__file__).parents[2]
TEXT = "Заказ [[order]] готов"


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A shell that starts the tests in its background has them ignore SIGINT, and a child inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def orders(path: Path, count: int) -> Path:
    rows = (f"7916111{number:04},{number}\n" for number in range(count))
    path.write_text("phone,order\n" + "".join(rows), encoding="utf-8")
    return path


def accepted(platform: Platform) -> Counter[str]:
    return platform.do(lambda sandbox: Counter(entry.to for entry in sandbox.accepted.matching()))


def texts(platform: Platform) -> list[str]:
    return platform.do(lambda sandbox: [entry.text for entry in sandbox.accepted.matching()])


def results(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def outcomes(path: Path) -> Counter[str]:
    return Counter(row["outcome"] for row in results(path))


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_every_row_has_an_end_in_the_result_file(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(
        '\ufeffphone;order\r\n+7 (916) 111-00-00;8412\r\n\r\n79161110001;"84\r\n13"\r\n123;1\r\n79161110002;\r\n'
        "79161119432;2\r\n7 916 111 00 00;8412\r\n79161110003;1;2\r\n",
        encoding="utf-8",
    )
    done = cli("bulk", str(file), "--text", TEXT)
    assert done.code == 3, done.err
    assert sorted(texts(platform)) == ["Заказ 84\r\n13 готов", "Заказ 8412 готов"]
    rows = results(tmp_path / "orders.csv.results.csv")
    assert [(row["row"], row["line"], row["to"], row["outcome"]) for row in rows] == [
        ("1", "2", "+7 (916) 111-00-00", "accepted"),
        ("2", "4", "79161110001", "accepted"),
        ("3", "6", "123", "bad"),
        ("4", "7", "79161110002", "bad"),
        ("5", "8", "79161119432", "rejected"),
        ("6", "9", "7 916 111 00 00", "duplicate"),
        ("7", "10", "", "bad"),
    ]
    assert rows[4]["code"] == "432"
    assert rows[3]["reason"] == "the text needs [[order]], and it is empty"
    assert (
        rows[0]["message_ids"] == platform.do(lambda sandbox: sandbox.accepted.matching(to="79161110000"))[0].message_id
    )
    assert "line 6: to: " in done.err
    assert "2 accepted, 1 rejected, 3 bad, 1 skipped as duplicates" in done.out
    if os.name == "posix":
        for name in ("orders.csv.journal", "orders.csv.results.csv"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    journal = (tmp_path / "orders.csv.journal").read_text(encoding="utf-8")
    for secret in ("111-00-00", "79161110001", "79161119432", "готов"):
        assert secret not in journal


def test_a_second_run_is_refused_and_resume_repeats_nothing(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 30)
    assert cli("bulk", str(file), "--text", TEXT).code == 0
    again = cli("bulk", str(file), "--text", TEXT)
    assert again.code == 2
    assert "--resume goes on" in " ".join(again.err.split())
    (tmp_path / "orders.csv.results.csv").unlink()
    assert cli("bulk", str(file), "--text", TEXT, "--resume").code == 0
    assert outcomes(tmp_path / "orders.csv.results.csv") == {"accepted": 30}
    assert set(accepted(platform).values()) == {1}


@pytest.mark.parametrize(
    "change,said",
    [
        (["--text", "Другой [[order]]"], "another text"),
        (["--via", "v1"], "begun with --via v2"),
        (["--originator", "Other"], "other options"),
        (["--journal", "elsewhere"], "is not there"),
    ],
)
def test_what_is_another_sending_is_not_gone_on_with(
    cli: Command, tmp_path: Path, change: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    orders(tmp_path / "orders.csv", 3)
    assert cli("bulk", "orders.csv", "--text", TEXT).code == 0
    options = change if "--text" in change else ["--text", TEXT, *change]
    done = cli("bulk", "orders.csv", "--resume", *options)
    assert done.code == 2
    assert said in " ".join(done.err.split())


def test_another_file_is_another_sending(cli: Command, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 3)
    assert cli("bulk", str(file), "--text", TEXT).code == 0
    orders(file, 4)
    done = cli("bulk", str(file), "--text", TEXT, "--resume")
    assert done.code == 2
    assert "the file is not the one" in done.err


def test_json_lines_in_and_out(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    rows: list[object] = [
        {"to": 79161110000, "text": "Один [[n]]", "n": 1, "originator": None},
        {"to": "79161110001", "text": "Два", "tracking_data": "order-2"},
        {"to": "79161110002"},
        {"to": "79161110003", "text": "x [[n]]"},
        {"to": ["79161110004"], "text": "x"},
        "79161110005",
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n\nnot json\n", encoding="utf-8")
    done = cli("bulk", str(file), "--json")
    assert done.code == 3, done.err
    assert Counter(texts(platform)) == {"Один 1": 1, "Два": 1}
    preflight, *sent, summary = done.records
    assert (preflight["event"], preflight["rows"], preflight["to_send"], preflight["bad"]) == ("preflight", 7, 2, 5)
    assert preflight["parts"] == 2
    assert {(row["event"], row["row"], row["outcome"], row["to"]) for row in sent} == {
        ("row", 1, "accepted", "79161110000"),
        ("row", 2, "accepted", "79161110001"),
    }
    assert {row["tracking_data"] for row in sent} == {None, "order-2"}  # its own label: none of ours beside it
    assert (summary["event"], summary["accepted"], summary["bad"], summary["left"]) == ("summary", 2, 5, 0)
    written = lines_of(tmp_path / "orders.jsonl.results.jsonl")
    assert [row["outcome"] for row in written] == ["accepted", "accepted", *["bad"] * 5]
    assert all(list(row) == list(written[0]) for row in written)


def test_a_look_sends_nothing_and_needs_no_credentials(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"to,text\n79161110000,Latin\n79161110001,{'ж' * 71}\n79161110000,Latin\n79161110000,other\n")

    def bulk(*options: str) -> Done:
        nobody = dict.fromkeys(("SMS_TRAFFIC_API_KEY", "SMS_TRAFFIC_LOGIN", "SMS_TRAFFIC_PASSWORD"), "")
        return cli("bulk", str(file), *options, stdin=None, **nobody)

    done = bulk("--dry-run", "--json")
    assert done.code == 0, done.err
    (look,) = done.records
    assert (look["rows"], look["to_send"], look["parts"], look["longest"]) == (4, 3, 4, 2)
    assert (look["duplicates"], look["same_number"]) == (1, 1)
    assert look["encodings"] == {"gsm7": 2, "ucs2": 1}
    assert bulk("--dry-run", "--json", "--duplicates", "send").records[0]["to_send"] == 4
    assert bulk("--dry-run", "--max-parts", "1").code == 3
    assert bulk().code == 4
    assert not accepted(platform)
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_the_fifth_same_text_to_a_number_is_warned_of(cli: Command, platform: Platform, tmp_path: Path) -> None:
    """The platform rejects it as spam (document, status Rejected): told before anything is sent, and true."""
    file = tmp_path / "orders.csv"
    file.write_text("to,text\n" + "79161110000,Latin\n" * 6 + "79161110001,Latin\n" * 4)
    (look,) = cli("bulk", str(file), "--dry-run", "--json").records
    assert (look["duplicates"], look["spam"], look["to_send"]) == (8, 0, 2)
    done = cli("bulk", str(file), "--yes", "--duplicates", "send")
    assert "2 of the duplicates come too often: the platform rejects the fifth same text" in done.err
    assert "10 accepted" in done.out
    courses = platform.do(lambda sandbox: [message.course for message in sandbox.messages])
    assert sorted(courses) == ["delivered"] * 8 + ["rejected"] * 2


@pytest.mark.parametrize(
    "content,options,said",
    [
        ("phone,text\n", [], "has no rows"),
        ("", [], "name the columns"),
        ("79161110000\n", ["--text", "x"], "'phone' or 'to'"),
        ("phone\n79161110000\n", [], "no column 'text'"),
        ("phone\n79161110000\n", ["--text", "[[name]]"], "--text needs [[name]]"),
        ("phone,text,phone\n1,2,3\n", [], "columns stand twice: 'phone'"),
        ('phone,text\n79161110000,"open\n', [], "line 2: unexpected end"),
    ],
)
def test_a_file_that_cannot_be_used(
    cli: Command, platform: Platform, tmp_path: Path, content: str, options: list[str], said: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(content, encoding="utf-8")
    done = cli("bulk", str(file), *options)
    assert done.code == 2, done.err
    assert said in " ".join(done.err.split())
    assert not accepted(platform)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize("option", ["--journal", "--results"])
def test_there_is_a_place_for_what_will_be_written(
    cli: Command, platform: Platform, tmp_path: Path, option: str
) -> None:
    file = orders(tmp_path / "orders.csv", 3)
    done = cli("bulk", str(file), "--text", TEXT, option, str(tmp_path / "none" / "file"))
    assert done.code == 2
    assert "there is no folder" in " ".join(done.err.split())
    assert not accepted(platform)


@pytest.mark.parametrize("content", ["phone,text\n79161110000,Секрет\n", "phone,Секрет\n"], ids=["row", "names"])
def test_another_encoding_is_said_without_the_text(cli: Command, tmp_path: Path, content: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content.encode("cp1251"))
    done = cli("bulk", str(file))
    assert done.code == 2
    assert "iconv -f WINDOWS-1251" in " ".join(done.err.split())


def test_standard_input(cli: Command, platform: Platform, tmp_path: Path) -> None:
    rows = b"phone,text\n79161110000,one\n79161110001,two\n"
    assert "give --journal FILE and --yes" in " ".join(cli("bulk", "-", stdin=rows).err.split())
    journal = str(tmp_path / "today")
    done = cli("bulk", "-", "--journal", journal, "--yes", stdin=rows)
    assert done.code == 0, done.err
    assert outcomes(tmp_path / "today.results.csv") == {"accepted": 2}
    assert cli("bulk", "-", "--journal", journal, "--yes", "--resume", stdin=rows).code == 0
    assert accepted(platform) == {"79161110000": 1, "79161110001": 1}
    assert cli("bulk", "-", "--dry-run", "--json", stdin=b'{"to":"79161110000","text":"x"}').records[0]["rows"] == 1


def test_national_numbers_and_another_column(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("tel,text\n8 916 111-00-00,x\n", encoding="utf-8")
    assert cli("bulk", str(file), "--to-column", "tel", "--region", "RU").code == 0
    assert accepted(platform) == {"79161110000": 1}


def test_what_a_protocol_cannot_carry_is_a_bad_row(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("phone,text,key\n79161110000,x,a\n79161110001,y,\n", encoding="utf-8")
    done = cli("bulk", str(file), "--via", "v1")
    assert done.code == 3
    assert "line 2: key: HTTP v1 cannot carry it" in " ".join(done.err.split())
    assert accepted(platform) == {"79161110001": 1}


@pytest.mark.parametrize("via", ["v1", "soap"])
def test_an_unknown_outcome_is_never_repeated(cli: Command, platform: Platform, tmp_path: Path, via: str) -> None:
    file = orders(tmp_path / "orders.csv", 3)
    platform.do(lambda sandbox: sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send")))
    done = cli("bulk", str(file), "--text", TEXT, "--via", via)
    assert done.code == 6, done.err
    unknown = outcomes(tmp_path / "orders.csv.results.csv")["unknown"]
    assert unknown
    before = accepted(platform)
    platform.do(lambda sandbox: sandbox.faults.clear())
    assert cli("bulk", str(file), "--text", TEXT, "--via", via, "--resume").code == 6
    assert (
        outcomes(tmp_path / "orders.csv.results.csv") == {"unknown": unknown, "accepted": 3 - unknown} or unknown == 3
    )
    assert accepted(platform) == before
    assert set(before.values()) == {1}


def test_by_smpp(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 8)
    server = platform.do(lambda sandbox: sandbox.smpp.servers(tls=False))[0]
    done = cli("bulk", str(file), "--text", TEXT, "--via", "smpp", "--smpp-server", server, "--json")
    assert done.code == 0, done.out
    assert [record["parts"] for record in done.records if record["event"] == "row"] == [1] * 8
    assert accepted(platform) == {f"7916111{number:04}": 1 for number in range(8)}


def test_no_money_ends_it_and_resume_goes_on(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 40)

    def money(amount: str) -> Decimal:
        def change(sandbox: Sandbox) -> Decimal:
            account = sandbox.accounts.get()
            before, account.balance = account.balance, Decimal(amount)
            return before

        return platform.do(change)

    before = money("5")
    try:
        done = cli("bulk", str(file), "--text", TEXT)
        assert done.code == 5, done.err
        assert "InsufficientFunds" in done.err
        some = outcomes(tmp_path / "orders.csv.results.csv")
        assert some["rejected"]
        assert some["accepted"] == accepted(platform).total()
        money("1000")
        assert cli("bulk", str(file), "--text", TEXT, "--resume").code == 0
    finally:
        money(str(before))
    assert accepted(platform) == {f"7916111{number:04}": 1 for number in range(40)}


def test_a_wrong_key_ends_it_at_once(cli: Command, platform: Platform, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 1000)
    done = cli("bulk", str(file), "--text", TEXT, SMS_TRAFFIC_API_KEY="1837/wrongwrongwrongwrongwrong")
    assert done.code == 4
    assert "AuthenticationFailed" in done.err
    assert not accepted(platform)
    assert cli("bulk", str(file), "--text", TEXT, "--resume").code == 0
    assert outcomes(tmp_path / "orders.csv.results.csv") == {"accepted": 1000}


def start(platform: Platform, *arguments: str, stdin: Any = None) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **platform.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "sms_traffic_async", "bulk", *arguments, "--text", TEXT],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environ,
    )


def until_some(process: subprocess.Popen[str], count: int) -> None:
    """Until so many rows are known of; it goes on meanwhile."""
    assert process.stdout is not None
    seen = 0
    for line in process.stdout:
        seen += json.loads(line)["event"] == "row"
        if seen >= count:
            return
    pytest.fail(f"it ended after {seen} rows: {process.communicate()[1]}")


@pytest.mark.slow
def test_killed_at_any_moment_nothing_goes_out_twice(platform: Platform, tmp_path: Path) -> None:
    count = 4000
    file = orders(tmp_path / "orders.csv", count)
    for moment, more in enumerate((1, 300, 20, 1)):
        process = start(platform, str(file), "--json", "--rate", "2000", *(["--resume"] if moment else []))
        until_some(process, more)
        process.kill()
        process.communicate(timeout=20)
        assert max(accepted(platform).values()) == 1
    process = start(platform, str(file), "--json", "--resume")
    out, err = process.communicate(timeout=50)
    summary = json.loads(out.splitlines()[-1])
    assert process.returncode == (6 if summary["unknown"] else 0), err
    sent = accepted(platform)
    assert set(sent.values()) == {1}
    rows = results(tmp_path / "orders.csv.results.csv")
    assert len(rows) == count
    assert {row["outcome"] for row in rows} <= {"accepted", "unknown"}
    # Whatever the platform took is known to be taken: rows that were cut off were asked for by their labels.
    assert {row["to"] for row in rows if row["outcome"] == "accepted"} == sent.keys()


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_interrupted_half_way_it_ends_in_order(platform: Platform, tmp_path: Path, one: signal.Signals) -> None:
    file = orders(tmp_path / "orders.csv", 900)
    process = start(platform, str(file), "--json", "--rate", "300")
    until_some(process, 5)
    process.send_signal(one)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "with --resume sends them" in err
    summary = json.loads(out.splitlines()[-1])
    assert summary["interrupted"] is True
    assert summary["unknown"] == 0
    assert summary["accepted"] == accepted(platform).total() < 900
    assert summary["accepted"] + summary["left"] == 900
    process = start(platform, str(file), "--resume")
    _, err = process.communicate(timeout=50)
    assert process.returncode == 0, err
    assert accepted(platform) == {f"7916111{number:04}": 1 for number in range(900)}


def test_ctrl_c_again_ends_at_once_and_what_was_under_way_is_unknown(platform: Platform, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 400)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start(platform, str(file), "--json", "--via", "v1", "--node", node)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(10)  # a request is on its way, and will have no answer
            assert process.stderr is not None
            process.send_signal(signal.SIGINT)
            assert "up to 10 s" in process.stderr.readline()
            began = time.monotonic()
            for _ in range(3):
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 9
    assert process.returncode == 130, err
    assert "Traceback" not in err
    summary = json.loads(out.splitlines()[-1])
    assert summary["unknown"] > 0
    assert summary["accepted"] == 0
    assert summary["unknown"] + summary["left"] == 400
    assert outcomes(tmp_path / "orders.csv.results.csv")["unknown"] == summary["unknown"]


def test_two_at_once_are_refused(platform: Platform, tmp_path: Path) -> None:
    file = orders(tmp_path / "orders.csv", 900)
    process = start(platform, str(file), "--json", "--rate", "200")
    until_some(process, 1)
    other = start(platform, str(file), "--resume")
    assert "another process is sending this file" in " ".join(other.communicate(timeout=20)[1].split())
    assert other.returncode == 2
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert max(accepted(platform).values()) == 1


@pytest.mark.parametrize("answer,code", [("n\n", 0), ("y\n", 0)], ids=["no", "yes"])
def test_at_a_terminal_it_asks(platform: Platform, tmp_path: Path, answer: str, code: int) -> None:
    pty = pytest.importorskip("pty")
    sends = answer == "y\n"
    file = orders(tmp_path / "orders.csv", 5)
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", **platform.environ}
    with (
        subprocess.Popen(
            [sys.executable, "-m", "sms_traffic_async", "bulk", str(file), "--text", TEXT],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=environ,
        ) as process,
        killed_at_last(process),
    ):
        os.close(theirs)
        shown = b""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            # To the end: a terminal that nobody reads is full at some time, and whoever writes to it waits.
            if select.select([ours], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):  # the other end is closed
                    shown += os.read(ours, 1000)
            if b"[y/N]" in shown and answer:
                os.write(ours, answer.encode())
                answer = ""
        assert process.wait(20) == code
    os.close(ours)
    assert accepted(platform).total() == (5 if sends else 0)
    assert (tmp_path / "orders.csv.journal").exists() == sends
