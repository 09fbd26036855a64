"""The sample project's own tests, run as its reader would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "examples" / "testing_your_app"
TESTS = 7

# Plugins of this suite that the project has no reason to load.
FOREIGN = ("-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:cacheprovider")


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_sample_project(options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", *FOREIGN, *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{TESTS} passed" in done.stdout


def test_it_shows_every_kind_of_test_and_never_sleeps() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in PROJECT.glob("*.py")}
    for kind in ("test_plain_sync.py", "test_with_anyio.py", "test_with_pytest_asyncio.py"):
        assert kind in sources
    assert not [name for name, source in sources.items() if "sleep" in source]
