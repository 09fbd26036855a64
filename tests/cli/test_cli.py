"""The command line as a process of its own: streams, signals, pipes, and what is missing."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from sms_traffic_async.cli import main
from sms_traffic_async.cli.app import app
from tests.cli.conftest import Platform
from tests.support.children import killed_at_last

ROOT = Path(__file__).parents[2]
MODULE = [sys.executable, "-m", "sms_traffic_async"]


def walk(tree: App, path: str = "") -> Iterator[str]:
    for name in tree:
        if not name.startswith("-"):
            yield f"{path}{name}"
            yield from walk(tree[name], f"{path}{name} ")


EVERY = tuple(walk(app))
COMMANDS = tuple(name for name in EVERY if " " not in name)
SUBCOMMANDS = tuple(name for name in EVERY if " " in name)


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A shell that starts the tests in its background has them ignore SIGINT, and a child inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def environment(**environ: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **environ}


def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=50,
        check=False,
        env=environment(**environ),
    )


def test_the_demo_follows_every_message_to_its_end() -> None:
    done = command("demo", "--json")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {record["via"] for record in records} == {"v2", "v1", "soap", "smpp", "smtp"}
    assert {"Delivered", "Expired", "refused (432)"} <= {record["status"] for record in records}
    assert {record["encoding"] for record in records} == {"gsm7", "ucs2"}
    assert max(record["parts"] for record in records) >= 3
    for record in records:
        assert list(record) == ["via", "to", "message_ids", "parts", "encoding", "status", "seconds"]
        assert record["seconds"] < 15
        assert bool(record["message_ids"]) != record["status"].startswith("refused")


def test_the_demo_for_people() -> None:
    done = command("demo", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert "followed to their end" in done.stdout.replace("\n", " ").replace("  ", " ")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_sandbox_leads_a_client_to_itself_and_ends_with_ctrl_c() -> None:
    process = subprocess.Popen([*MODULE, "sandbox", "--port", "0", "--json"], stdout=subprocess.PIPE, env=environment())
    assert process.stdout is not None
    with process.stdout:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        assert ",".join(ready["nodes"]) == ready["environment"]["SMS_TRAFFIC_NODES"]
        assert re.fullmatch(r"127\.0\.0\.1:\d+", ready["smtp"])
        assert ready["environment"]["SMS_TRAFFIC_SMPP_SERVERS"] == ready["smpp"]
        done = command("send", "79161112233", "text", "--json", **ready["environment"])
        assert done.returncode == 0, done.stderr
        process.send_signal(signal.SIGINT)
        assert json.loads(process.stdout.read()) == {"event": "stopped"}
        assert process.wait(10) == 0


def test_json_is_utf8_and_a_table_survives_in_any_locale(platform: Platform) -> None:
    environ = {**platform.environ, "PYTHONIOENCODING": "ascii"}
    assert "клиенты" in command("lists", "--json", **environ).stdout
    done = command("lists", **environ)
    assert done.returncode == 0, done.stderr
    assert "клиенты".encode("unicode_escape").decode() in done.stdout


def test_a_table_in_a_pipe_breaks_no_line(platform: Platform) -> None:
    environ = {name: value for name, value in environment(**platform.environ).items() if name != "COLUMNS"}
    arguments = [*MODULE, "status", "1" * 100, "--tracking-data", "a" * 40]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environ, timeout=50, check=False)
    assert done.returncode == 3, done.stderr
    assert [len(line.split()) > 1 for line in done.stdout.splitlines()] == [True, True, True]


@pytest.mark.parametrize("arguments", [["lists", "--json"], ["demo", "--json"]], ids=["lists", "demo"])
def test_a_reader_that_goes_away_is_no_traceback(platform: Platform, arguments: list[str]) -> None:
    with (
        subprocess.Popen(
            [*MODULE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**platform.environ),
        ) as process,
        killed_at_last(process),
    ):
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(10) == 1


@pytest.mark.parametrize("via", ["v2", "v1"])
def test_ctrl_c_half_way_is_130_and_says_what_it_means(platform: Platform, via: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [*MODULE, "send", "79161112233", "text", "--via", via, "--node", node],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**platform.environ),
        )
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(10)  # the request is on its way
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert "the SMS may have gone out" in " ".join(err.split())
    assert "Traceback" not in err
    assert "79161112233" not in err


def test_ctrl_c_ends_the_wait_for_standard_input() -> None:
    terminal, theirs = pytest.importorskip("pty").openpty()
    try:
        with (
            subprocess.Popen(
                [*MODULE, "send", "79161112233", "-"],
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
            ) as process,
            killed_at_last(process),
        ):
            assert process.stderr is not None
            assert b"type the text" in process.stderr.readline()
            for _ in range(5):
                # One that comes between Python's last look for signals and the read itself waits for the next.
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    assert process.wait(5) == 130
                    break
            assert process.stderr.read() == b"interrupted\n"
    finally:
        os.close(terminal)
        os.close(theirs)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert name in shown


@pytest.mark.parametrize("name", [*COMMANDS, *SUBCOMMANDS])
def test_every_command_explains_itself_and_has_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: sms-traffic {name}" in shown
    if name != "outbox":  # which is only the name before others
        assert "--json" in shown


def test_the_page_of_the_commands_names_each_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"\n## `{name}`\n" in page
    for name in (*COMMANDS, *SUBCOMMANDS):
        assert f"$ sms-traffic {name}" in page
        main([*name.split(), "--help"])
        for option in re.findall(r"(--[a-z0-9-]+) ", capsys.readouterr().out):
            assert f"`{option}" in page, f"{name} {option}"


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_a_missing_extra_is_a_sentence(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from sms_traffic_async.cli import main\nsys.exit(main(['--help']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 4
    assert done.stderr.strip() == "sms-traffic needs the [cli] extra: pip install 'sms-traffic-async[cli]'"
