"""Foreign programs that tests talk to: skipped with a reason where they are missing, required in continuous checks."""

import importlib
import json
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

__all__ = ("REQUIRED", "node_peer", "peer", "python_peer")

REQUIRED = bool(os.environ.get("SMS_TRAFFIC_TESTS_REQUIRE_PEERS"))
"""Read while tests are collected: a test's environment is clean."""


def peer(program: str, package: str) -> str:
    """The path of a program.

    Where it is missing the test is skipped; with ``SMS_TRAFFIC_TESTS_REQUIRE_PEERS`` set it fails, because there
    everything is meant to run.
    """
    path = shutil.which(program)
    if path is not None:
        return path
    return _missing(f"{program} is not installed (Debian: apt-get install {package})")


def _missing(sentence: str) -> NoReturn:
    if REQUIRED:
        pytest.fail(sentence)
    pytest.skip(sentence, allow_module_level=True)


def python_peer(module: str) -> ModuleType:
    """A foreign library from PyPI, which the extras ``test`` and ``dev`` name."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return _missing(f"{module} is not installed (pip install {module})")


def node_peer(package: str, version: str) -> tuple[str, str]:
    """Node's path, and the ``node_modules`` that a package of this version is in.

    It is looked for under ``NODE_PATH``, else in the user's cache, where continuous checks put it; never in the
    project.
    """
    node = peer("node", "nodejs")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sms-traffic-async" / "npm"
    modules = Path(os.environ.get("NODE_PATH") or cache / "node_modules")
    try:
        found = json.loads((modules / package / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError):
        found = None
    if found != version:
        _missing(f"npm's {package} is not there (npm install --prefix {cache} {package}@{version})")
    return node, str(modules)
