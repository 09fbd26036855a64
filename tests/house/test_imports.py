"""The direction of imports, and what a module may know (docs/architecture.md, "Rules")."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

import sms_traffic_async

ROOT = Path(sms_traffic_async.__file__).parent
PACKAGE = "sms_traffic_async"
MODULES = sorted(path for path in ROOT.rglob("*.py"))

# A room may import rooms of its own floor or of a lower one. The longest matching prefix counts.
FLOORS = {
    "": 0,  # values: errors, secrets, clock, messages, settings, …
    "text": 0,
    "storage": 1,
    "policy": 1,
    "protocols.http": 2,
    "protocols": 3,
    "delivery": 4,
    "lifecycle": 3,
    "bulk": 4,
    "bulk_source": 4,
    "connections": 5,
    "carriers": 5,
    "reception": 5,
    "session_protocols": 6,
    "session_reception": 6,
    "session": 6,
    "outbox": 7,
    "webhooks": 5,
    "cli": 8,
    "__main__": 9,
    "testing": 8,
    "pytest_plugin": 9,
    "sandbox": 7,
}
# Beside the client, not above it.
SANDBOX_MAY = ("text", "storage", "protocols.smpp.pdu", "protocols.smpp.protocol", "protocols.smpp.vocabulary")
SEES_SANDBOX = ("sandbox", "cli", "testing", "pytest_plugin")
PURE_NAMES = ("wire.py", "pdu.py", "models.py")
IMPURE = ("asyncio", "httpx", "socket", "time", "random", "anyio", "tenacity", "logging")


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@dataclass
class Facts:
    """What is looked at in a module. The trees of all of them together would be a burden to every later test."""

    docstring: bool
    offers: list[ast.expr]
    lines: int
    imports: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    relative: list[int] = field(default_factory=list[int])
    functions: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])


@cache
def facts(path: Path) -> Facts:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    offers = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    found = Facts(docstring=bool(ast.get_docstring(tree)), offers=offers, lines=text.count("\n"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.imports += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.imports.append((node.lineno, node.module or ""))
            found.relative += [node.lineno] * bool(node.level)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.functions.append((node.name, node.lineno, (node.end_lineno or 0) - node.lineno))
    return found


def own_imports(path: Path) -> Iterator[tuple[int, str]]:
    for line, name in facts(path).imports:
        if name == PACKAGE or name.startswith(PACKAGE + "."):
            yield line, name[len(PACKAGE) + 1 :]


def floor(module: str) -> int:
    best = max((prefix for prefix in FLOORS if within(module, prefix)), key=len)
    return FLOORS[best]


def within(module: str, prefix: str) -> bool:
    return not prefix or module == prefix or module.startswith(prefix + ".")


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_go_down(path: Path) -> None:
    here = dotted(path)
    assert not facts(path).relative, f"{path}: relative imports"
    if not here:
        return  # the package's face hands names on, lazily
    for line, name in own_imports(path):
        assert floor(name) <= floor(here), f"{path.name}:{line}: {here} imports {name}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_only_the_outer_rooms_see_the_sandbox(path: Path) -> None:
    here = dotted(path)
    for line, name in own_imports(path):
        if within(name, "sandbox"):
            assert any(within(here, room) for room in SEES_SANDBOX), f"{path.name}:{line} imports {name}"
        if within(here, "sandbox") and floor(name) > 0 and not within(name, "sandbox"):
            assert any(within(name, room) for room in SANDBOX_MAY), f"{path.name}:{line}: sandbox imports {name}"


@pytest.mark.parametrize("path", [path for path in MODULES if path.name in PURE_NAMES], ids=dotted)
def test_wire_modules_are_pure(path: Path) -> None:
    for line, name in facts(path).imports:
        assert name.split(".")[0] not in IMPURE, f"{path}:{line}: a pure module imports {name}"
        assert not name.endswith((".client", ".session", ".settings")), f"{path}:{line}: a pure module imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_every_module_names_what_it_offers(path: Path) -> None:
    found = facts(path)
    assert found.docstring, f"{path}: no docstring"
    if path.name == "_version.py":
        return
    assert found.offers, f"{path}: no __all__"
    assert isinstance(found.offers[0], ast.Tuple), f"{path}: __all__ is not a tuple"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_rooms_stay_small(path: Path) -> None:
    found = facts(path)
    assert found.lines <= 400, f"{path}: past 400 lines it is two ideas"
    for name, line, length in found.functions:
        assert length <= 60, f"{path}:{line}: {name} is too long"
