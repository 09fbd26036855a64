"""``benchmarks/run.py``: real scripts in processes of their own, and the page that is made of what they print."""

import ast
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import _published as published
from benchmarks import run
from benchmarks._common import Asked

ROOT = Path(__file__).parents[2]

GOOD = '''"""Sends, against one peer.

More words.
"""
import sys
sys.path.insert(0, {root!r})
from benchmarks._common import Asked, finish, parse_args, version
options = parse_args(__doc__)
options.say("a table | of its own, µs", options.quick)
finish("good", {{"httpx": 31.256, "bare": {bare}}}, {{"note": 1}}, wanted={{"httpx": 30.0, "bare": 0.7, "absent": 4.0}},
       asked=[Asked(figure="memory, MB", measured=2.26, at_most=50), Asked(figure="used, %", measured=94, at_least=95)])
assert version("httpx")
'''
EMPTY = '"""Prints nothing."""\n'
BROKEN = '"""Breaks."""\nprint("half a table")\nraise SystemExit(3)\n'
PAGE = f"# Ours\n\nwords before\n\n{published.BEGIN}\nold\n{published.END}\n\nwords after\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.py").write_text(GOOD.format(root=str(ROOT), bare="0.5"), encoding="utf-8")
    (tmp_path / "_shared.py").write_text("raise SystemExit(9)")
    (tmp_path / "run.py").write_text("raise SystemExit(9)")
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def call(folder: Path, *words: str) -> int:
    return run.main(words, folder=folder, target=folder / "page.md")


def test_a_whole_run_writes_every_ratio_and_what_was_asked(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(folder) == 0
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert page.startswith("# Ours\n\nwords before\n")
    assert page.endswith("\n\nwords after\n")
    assert "\nold\n" not in page
    for row in (
        "| good | httpx | 31.26 x | at least 30 | reached |",
        "| good | bare | 0.50 x | at least 0.7 | **not reached** |",
        "| good | absent |  | at least 4 | not measured |",
        "| good | memory, MB | 2.26 | at most 50 | reached |",
        "| good | used, % | 94 | at least 95 | **not reached** |",
    ):
        assert row in page
    assert "**Below what is asked:**\n\n* good: bare is 0.50 x; at least 0.7 is asked.\n" in page
    assert "### good\n\nSends, against one peer.\n" in page
    assert "long form" in page
    assert "````text\n$ python benchmarks/good.py\na table | of its own, µs False\n{" in page
    for fact in ("| processor |", "| kernel |", "| Python | CPython", "| date | 20", "| commit |", "| load |"):
        assert fact in page
    assert str(folder) not in page
    printed = capfd.readouterr().out
    assert "a table | of its own, µs False" in printed
    assert "BELOW: good: bare is 0.50 x; at least 0.7 is asked." in printed


def test_versions_that_a_script_asked_for_stand_in_the_page(folder: Path) -> None:
    script = folder / "good.py"
    script.write_text(script.read_text().replace("options.say(", 'assert version("httpx")\noptions.say(', 1))
    call(folder, "--quick", "--write")
    assert "| packages | httpx 0" in (folder / "page.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [("--quick",), ("--only", "good"), ("--quick", "--only", "good")])
def test_a_part_or_a_short_form_writes_nothing(
    folder: Path, words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(folder, *words) == 0
    assert (folder / "page.md").read_text(encoding="utf-8") == PAGE
    assert f"of its own, µs {'--quick' in words}" in capfd.readouterr().out


def test_one_script_is_put_among_the_others(folder: Path) -> None:
    call(folder)
    (folder / "other.py").write_text((folder / "good.py").read_text().replace('finish("good"', 'finish("other"'))
    assert call(folder, "--only", "other", "--quick", "--write") == 0
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "| good | httpx | 31.26 x |" in page
    assert "| other | httpx | 31.26 x |" in page
    found = published.read(page)
    assert [(name, one.form) for name, one in found.items()] == [("good", "long"), ("other", "short")]
    (folder / "good.py").write_text(GOOD.format(root=str(ROOT), bare="0.9"))
    call(folder, "--only", "good", "--write")
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "| good | bare | 0.90 x | at least 0.7 | reached |" in page
    assert page.count("### good\n") == page.count("### other\n") == 1
    assert page.count("words after") == 1


def test_figures_of_another_machine_and_of_a_script_that_is_gone_leave(folder: Path) -> None:
    call(folder)
    page = (folder / "page.md").read_text(encoding="utf-8")
    (folder / "other.py").write_text((folder / "good.py").read_text().replace('finish("good"', 'finish("other"'))
    call(folder, "--only", "other", "--write")
    (folder / "page.md").write_text(page.replace('"machine": "', '"machine": "another '), encoding="utf-8")
    call(folder, "--only", "other", "--write")
    assert list(published.read((folder / "page.md").read_text(encoding="utf-8"))) == ["other"]
    (folder / "other.py").unlink()
    call(folder, "--only", "good", "--write")
    assert list(published.read((folder / "page.md").read_text(encoding="utf-8"))) == ["good"]


@pytest.mark.parametrize("source, code", [(EMPTY, 0), (BROKEN, 3)])
def test_a_script_that_fails_is_named_and_the_others_go_on(
    folder: Path, source: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.py").write_text(source)
    assert call(folder) == 1
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "| bad | no result |  |  | **failed** |" in page
    assert "* bad printed no result." in page
    assert "| good | httpx | 31.26 x |" in page
    assert published.read(page)["bad"].code == code
    assert "FAILED: bad" in capfd.readouterr().out


def test_a_script_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)\n"
    )
    began = time.monotonic()
    printed = run.run_script(script, "short", most=1.5)
    assert time.monotonic() - began < 30
    assert printed.code < 0
    assert not printed.record
    child = int(printed.text)
    status = Path(f"/proc/{child}/stat")
    until = time.monotonic() + 20  # a signal takes its moment, and whoever reaps it may not have yet
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while not status.read_text().rpartition(") ")[2].startswith("Z"):
            assert time.monotonic() < until


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="has no"):
        published.replace("# words\n", "figures")


@pytest.mark.parametrize(
    "measured, kept", [(30.0, True), (29.999, False), (None, None)], ids=["just", "below", "not measured"]
)
def test_asked(measured: float | None, kept: bool | None) -> None:
    assert Asked(figure="x", measured=measured, at_least=30).row()["kept"] is kept


def test_a_limit_from_above() -> None:
    assert Asked(figure="x", measured=50, at_most=50).row()["kept"]
    assert not Asked(figure="x", measured=50.1, at_most=50).row()["kept"]


def test_the_command_line_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--only", "no_such", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert "import_time" in done.stderr


@pytest.mark.parametrize("name", run.scripts(ROOT / "benchmarks"))
def test_every_script_says_what_it_measures_and_ends_with_a_result(name: str) -> None:
    tree = ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    ends = [
        call
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "finish"
    ]
    assert [ast.literal_eval(call.args[0]) for call in ends] == [name]


def test_the_published_page_has_its_marks() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert page.count(published.BEGIN) == page.count(published.END) == 1
    assert page.index(published.BEGIN) < page.index(published.END)


def test_the_published_table_is_what_its_sections_say() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    found = published.read(page)
    if "## All ratios" not in page:
        pytest.skip("not written by run.py yet")
    assert published.table(found.values()) in page
