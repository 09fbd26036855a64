"""Completion in the shells that are there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Command

BASH = """
source "$1"
COMP_WORDS=("${@:2}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_sms_traffic
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(script: Path, *words: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", str(script), *words], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout.split()


def test_bash_completes_commands_options_and_choices(cli: Command, tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    script = tmp_path / "script"
    done = cli("completion", "bash")
    assert done.code == 0
    script.write_text(done.out, encoding="utf-8")
    assert bash(script, "sms-traffic", "bu") == ["bulk"]
    assert bash(script, "sms-traffic", "lists", "") == ["show", "add", "remove"]
    assert bash(script, "sms-traffic", "bulk", "--dup") == ["--duplicates"]
    assert bash(script, "sms-traffic", "send", "--via", "") == ["v2", "v1", "soap", "smpp", "smtp"]


def test_fish_completes_commands(cli: Command, tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish")
    script = tmp_path / "script.fish"
    script.write_text(cli("completion", "fish").out, encoding="utf-8")
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C 'sms-traffic do'"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["doctor"]


def test_zsh_takes_the_script(cli: Command, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(cli("completion", "zsh").out, encoding="utf-8")
    assert script.read_text(encoding="utf-8").startswith("#compdef sms-traffic")
    if shutil.which("zsh") is not None:
        subprocess.run(["zsh", "-n", str(script)], timeout=20, check=True)


def test_it_is_installed_where_the_shell_looks(cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    done = cli("completion", "bash", "--install", "--json", HOME=str(tmp_path), XDG_DATA_HOME=str(tmp_path / "data"))
    assert done.code == 0, done.out
    (record,) = done.records
    file = Path(record["file"])
    assert file.is_relative_to(tmp_path)
    assert "_sms_traffic" in file.read_text(encoding="utf-8")


def test_another_shell_is_a_sentence(cli: Command) -> None:
    done = cli("completion", "tcsh")
    assert done.code == 2
    assert "bash" in done.err
