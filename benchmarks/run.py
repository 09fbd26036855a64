"""Runs every benchmark, each in a process of its own, and writes one table.

::

    python benchmarks/run.py                      # all of them, at length; writes docs/benchmarks.md
    python benchmarks/run.py --quick              # the short form of each; writes nothing
    python benchmarks/run.py --only smpp_submit   # some of them; add --write to put them among the others
    python benchmarks/run.py --quick --write

What a script prints is shown as it comes. It ends with 1 if a script failed: it
ended with something else than 0, or its last line is no result. A figure below what
is asked is no failure of its own; the table names it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import machine
from benchmarks._published import Form, Printed, below, describe, page, read, replace, table

__all__ = ("main", "run_script", "scripts")

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 3600.0
"""One script may take that long."""


def scripts(folder: Path) -> list[str]:
    """The benchmarks of a folder: every file but ``run.py`` and those that begin with an underscore."""
    return sorted(path.stem for path in folder.glob("[a-z]*.py") if path.stem != "run")


def now() -> str:
    """The date and time, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def commit(root: Path) -> str:
    """What is checked out in a folder, and whether it was changed since."""
    try:
        asked = [
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{asked[0]}{' with changes' if asked[1] else ''}"


def _end(process: subprocess.Popen[str]) -> None:
    # A script has processes of its own (responders, peers): all of them are in its group.
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def run_script(path: Path, form: Form, *, most: float = SECONDS) -> Printed:
    """Run one script, show what it prints, and keep it.

    Args:
        path: the script.
        form: ``"short"`` calls it with ``--quick``.
        most: seconds it may take; then it and what it started are killed.
    """
    when, began = now(), time.monotonic()
    words = [sys.executable, str(path), *(["--quick"] if form == "short" else [])]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,
    )
    assert process.stdout is not None
    alarm = threading.Timer(most, _end, [process])
    alarm.start()
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            sys.stdout.write(line)
            sys.stdout.flush()
        code = process.wait()
    except BaseException:
        _end(process)
        process.wait()
        raise
    finally:
        alarm.cancel()
        process.stdout.close()
    seconds = round(time.monotonic() - began)
    return Printed(script=path.stem, text="".join(lines), when=when, form=form, seconds=seconds, code=code)


def _write(target: Path, folder: Path, results: dict[str, Printed], about: dict[str, str]) -> None:
    document = target.read_text(encoding="utf-8")
    known = scripts(folder)
    # Figures of another machine do not stand beside these.
    kept = {
        name: one
        for name, one in read(document).items()
        if name in known and one.record.get("machine") == machine() and name not in results
    }
    together = {**kept, **results}
    ordered = [together[name] for name in known if name in together]
    target.write_text(replace(document, page(ordered, about, folder)), encoding="utf-8")


def main(argv: Sequence[str] | None = None, *, folder: Path | None = None, target: Path | None = None) -> int:
    """Run them.

    Args:
        argv: the command line.
        folder: where the scripts are.
        target: the page.
    """
    folder = folder or Path(__file__).resolve().parent
    target = target or ROOT / "docs" / "benchmarks.md"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the short form of each; writes nothing")
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=scripts(folder), help="one script; may be repeated"
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md in spite of --quick or --only")
    parser.add_argument("--most", type=float, default=SECONDS, metavar="SECONDS", help="a script may take that long")
    chosen = parser.parse_args(argv)
    form: Form = "short" if chosen.quick else "long"
    about = describe(now(), commit(ROOT))
    results: dict[str, Printed] = {}
    for name in dict.fromkeys(chosen.only or scripts(folder)):
        print(f"\n=== {name}", flush=True)
        results[name] = run_script(folder / f"{name}.py", form, most=chosen.most)
        print(f"=== {name}: {results[name].seconds} s, ended with {results[name].code}", flush=True)
    print(f"\n{table(results.values())}\n")
    for sentence in below(results.values()):
        print(f"BELOW: {sentence}")
    if chosen.write or (form == "long" and not chosen.only):
        _write(target, folder, results, about)
        print(f"written: {target.name}")
    failed = [name for name, one in results.items() if one.code or not one.record]
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
