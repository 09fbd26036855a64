"""How far a command is: a bar that moves at a terminal, plain lines elsewhere."""

import io
import sys

import pytest

from sms_traffic_async.cli.output import Output
from sms_traffic_async.cli.progress import Meter, waiting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(total: int | None) -> str:
    clock = [0.0]
    with Meter(Output(json=False), unit="rows", total=total, now=lambda: clock[0]) as meter:
        for second in range(1, 26):
            clock[0] += 1.0
            meter.at(second * 100, "3 failed")
    assert isinstance(sys.stderr, io.StringIO)
    return sys.stderr.getvalue()


def test_in_a_pipe_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert run(400_000).splitlines() == [
        "1,000 of 400,000 rows, 100/s, 1:06:30 left; 3 failed",
        "2,000 of 400,000 rows, 100/s, 1:06:20 left; 3 failed",
    ]


def test_without_a_known_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert run(None).splitlines() == ["1,000 rows, 100/s; 3 failed", "2,000 rows, 100/s; 3 failed"]


@pytest.mark.parametrize("total", [4_000, None])
def test_a_terminal_has_a_bar_unless_plain_text_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown = run(total)
    assert "\x1b[" in shown
    assert ("4000" if total else "rows") in shown

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", Terminal())
    plain = run(total)
    assert len(plain.splitlines()) == 2
    assert "\r" not in plain


def test_waiting_is_said_at_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for stream, said in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        with waiting(Output(json=False), "the [red]report"):
            pass
        assert ("the [red]report" in stream.getvalue()) is said
