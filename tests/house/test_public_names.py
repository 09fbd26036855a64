"""What users may import, held by a checked-in list."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import sms_traffic_async

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIST = HERE / "public_names.txt"
PUBLIC_MODULES = (
    "sms_traffic_async",
    "sms_traffic_async.events",
    "sms_traffic_async.otel",
    "sms_traffic_async.outbox",
    "sms_traffic_async.text",
    "sms_traffic_async.sandbox",
    "sms_traffic_async.testing",
    "sms_traffic_async.webhooks",
)


def test_public_names_are_the_checked_in_list() -> None:
    lines = [
        f"{module}.{name}" for module in PUBLIC_MODULES for name in sorted(importlib.import_module(module).__all__)
    ]
    assert LIST.read_text(encoding="utf-8").split() == lines


def test_every_public_name_can_be_imported() -> None:
    for name in sms_traffic_async.__all__:
        assert getattr(sms_traffic_async, name) is not None


def test_the_face_agrees_with_itself() -> None:
    tree = ast.parse(Path(sms_traffic_async.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(sms_traffic_async.__all__)
    assert list(sms_traffic_async.__all__) == sorted(sms_traffic_async.__all__)
    assert dir(sms_traffic_async) == sorted(sms_traffic_async.__all__)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys; from sms_traffic_async import SmsTraffic, Message; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for heavy in ("aiosmpplib", "aiosmtplib", "tenacity", "starlette", "uvicorn", "rich", "cyclopts", "trustme"):
        assert heavy not in loaded


def test_the_continuous_check_runs_the_commands_of_the_readme() -> None:
    commands = re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    russian = (ROOT / "README.ru.md").read_text(encoding="utf-8")
    for command in commands:
        assert command in script
        assert command in russian
