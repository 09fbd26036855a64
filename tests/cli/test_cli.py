"""The command line against a sandbox in another process: output, exit codes, secrets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sms_traffic_async.cli import main
from sms_traffic_async.sandbox import DEFAULT_API_KEY

ROOT = Path(__file__).parents[2]


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sms_traffic_async", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **environ},
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """``sms-traffic sandbox`` as a user runs it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sms_traffic_async", "sandbox", "--port", "0", "--port2", "0", "--smtp-port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    variables: dict[str, str] = {}
    for line in process.stdout:
        if line.strip() == "ready":
            break
        if "=" in line:
            name, _, value = line.strip().partition("=")
            variables[name] = value
    yield variables
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(10) == 0, rest
    process.stdout.close()


def test_the_demo_follows_every_message_to_its_end() -> None:
    done = command("demo", "--json")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {record["via"] for record in records} == {"v2", "v1", "soap", "smtp"}
    assert {"Delivered", "Expired", "refused (432)"} <= {record["status"] for record in records}
    assert {record["encoding"] for record in records} == {"gsm7", "ucs2"}
    assert max(record["parts"] for record in records) >= 3
    for record in records:
        assert list(record) == ["via", "to", "message_ids", "parts", "encoding", "status", "seconds"]
        assert record["seconds"] < 15
        assert bool(record["message_ids"]) != record["status"].startswith("refused")


def test_the_demo_for_people() -> None:
    done = command("demo")
    assert done.returncode == 0, done.stderr
    assert "followed to their end" in done.stdout.replace("\n", " ").replace("  ", " ")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_send_and_follow(served: dict[str, str]) -> None:
    done = command("send", "+7 916 111-22-33", "Код 1234", "--wait", "20", "--json", **served)
    assert done.returncode == 0, done.stderr
    sent, update = map(json.loads, done.stdout.splitlines())
    assert (sent["via"], sent["to"], sent["parts"], sent["encoding"]) == ("v2", "79161112233", 1, "ucs2")
    assert (update["message_id"], update["status"]) == (sent["message_ids"][0], "Delivered")

    asked = command("status", sent["message_ids"][0], "1", "--json", **served)
    assert asked.returncode == 3
    found, missing = map(json.loads, asked.stdout.splitlines())
    assert found["status"] == "Delivered"
    assert missing["status"] is None


def test_a_text_from_standard_input_and_a_table(served: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sms_traffic_async", "send", "79161112234", "-"],
        input="из файла",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **served},
    )
    assert done.returncode == 0, done.stderr
    assert "79161112234" in done.stdout


def test_balance(served: dict[str, str]) -> None:
    done = command("balance", "--json", **served)
    assert done.returncode == 0, done.stderr
    assert float(json.loads(done.stdout)["balance"]) > 0


def test_report_as_rows_and_as_a_file(served: dict[str, str], tmp_path: Path) -> None:
    command("send", "79161112235", "для отчёта", **served)
    window = ("--since", "2020-01-01T00:00+03:00", "--until", "2100-01-01T00:00+03:00")
    rows = command("report", *window, "--subscriber", "79161112235", "--field", "subscriber", "--json", **served)
    assert rows.returncode == 0, rows.stderr
    assert [json.loads(line) for line in rows.stdout.splitlines()] == [{"subscriber": "79161112235"}]
    target = tmp_path / "report.csv"
    saved = command("report", *window, "--to", str(target), **served)
    assert saved.returncode == 0, saved.stderr
    assert "79161112235" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments,environ,code,says",
    [
        (["send", "79161112233"], {}, 2, "TEXT"),
        (["nonsense"], {}, 2, "nonsense"),
        (["status"], {}, 2, "nothing to ask for"),
        (["send", "12", "text"], {}, 2, "to:"),
        (["send", "79161112233", "text", "--start-at", "soon"], {}, 4, "--start-at"),
        (["balance"], {"SMS_TRAFFIC_API_KEY": ""}, 4, "SMS_TRAFFIC_API_KEY"),
        (["balance"], {"SMS_TRAFFIC_API_KEY": "1/wrong"}, 4, "Check the API key"),
        (["send", "79161119432", "text"], {}, 5, "432"),
        (["send", "79161112233", "text"], {"SMS_TRAFFIC_ONLY_TO": "79990000000"}, 1, "ONLY_TO"),
        (["report", "--since", "today", "--until", "2100-01-01T00:00+03:00"], {}, 4, "--since"),
    ],
)
def test_what_goes_wrong_is_said_with_its_exit_code(
    served: dict[str, str], arguments: list[str], environ: dict[str, str], code: int, says: str
) -> None:
    done = command(*arguments, **(served | environ))
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert DEFAULT_API_KEY.split("/")[1] not in done.stderr


def test_an_error_as_json(served: dict[str, str]) -> None:
    done = command("send", "79161119432", "text", "--json", **served)
    assert done.returncode == 5
    assert json.loads(done.stdout)["exit_code"] == 5


def test_segments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segments", "a" * 161, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["encoding"], record["parts"], record["units_left"]) == ("gsm7", 2, 145)
    assert main(["segments", "one \x1b[31m euro: €"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert "without them" not in shown


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in ("demo", "send", "status", "balance", "report", "segments", "sandbox"):
        assert name in shown


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_a_missing_extra_is_a_sentence(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from sms_traffic_async.cli import main\nsys.exit(main(['--help']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 4
    assert done.stderr.strip() == "sms-traffic needs the [cli] extra: pip install 'sms-traffic-async[cli]'"
