"""What the package's source may not do, and what the page is made of."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import sms_traffic_async
from sms_traffic_async.sandbox import page_files
from tests.security.marks import Marks

ROOT = Path(sms_traffic_async.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
PAGE = ROOT / "sandbox" / "page"
# Pickle runs what it reads; the others start programs or leave Python's safety.
NEVER_IMPORTED = {"pickle", "marshal", "shelve", "dill", "yaml", "ctypes", "subprocess", "telnetlib", "imp", "code"}
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "system", "popen", "mktemp", "_create_unverified_context"}
# The application under development has a certificate of its own making; the platform never has.
MAY_NOT_VERIFY = {"sandbox/pushes_http.py"}
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|FROM|CREATE|PRAGMA|RETURNING|VALUES)\b")
# Constants of ours, marks for parameters, and names that come from a list in the same file.
INTO_SQL = re.compile(
    r"[A-Z_]+|rows\.[A-Z_]+|_marks\(states\)|_settled\(states\)|1 << 61|sets|column|table|pragma|len\(migrations\)"
)


LOOKED_AT = (
    ast.Import, ast.ImportFrom, ast.Call, ast.Attribute, ast.keyword, ast.Assign, ast.JoinedStr, ast.Expr,
)  # fmt: skip


@cache
def parsed() -> tuple[tuple[str, ast.AST], ...]:
    found: list[tuple[str, ast.AST]] = []
    for path in SOURCES:
        name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        found += [(name, node) for node in ast.walk(tree) if isinstance(node, LOOKED_AT)]
    return tuple(found)


def test_nothing_that_runs_what_it_reads() -> None:
    for name, node in parsed():
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {one.split(".")[0] for one in modules} & NEVER_IMPORTED, f"{name}:{node.lineno}"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            module = getattr(getattr(node.func, "value", None), "id", "")
            assert called not in NEVER_CALLED or (module, called) == ("re", "compile"), f"{name}:{node.lineno}"


def test_certificates_are_verified() -> None:
    for name, node in parsed():
        if name in MAY_NOT_VERIFY:
            continue
        if isinstance(node, ast.Attribute):
            assert node.attr != "CERT_NONE", f"{name}:{node.lineno}"
        if isinstance(node, ast.keyword) and node.arg in {"verify", "check_hostname", "validate_certs"}:
            assert not (isinstance(node.value, ast.Constant) and node.value.value is False), f"{name}:{node.lineno}"
        if isinstance(node, ast.Assign) and any(getattr(one, "attr", "") == "check_hostname" for one in node.targets):
            raise AssertionError(f"{name}:{node.lineno}")


def test_only_constants_are_put_into_sql() -> None:
    seen = 0
    for name, node in parsed():
        if not isinstance(node, ast.JoinedStr):
            continue
        words = "".join(str(one.value) for one in node.values if isinstance(one, ast.Constant))
        if not SQL.search(words):
            continue
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                seen += 1
                assert INTO_SQL.fullmatch(ast.unparse(part.value)), f"{name}:{node.lineno}: {ast.unparse(part.value)}"
    assert seen > 20


def test_every_queue_has_an_end() -> None:
    for name, node in parsed():
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"Queue", "LifoQueue", "PriorityQueue"}:
            assert node.args or any(one.arg == "maxsize" for one in node.keywords), f"{name}:{node.lineno}"


def test_no_task_is_without_an_owner() -> None:
    for name, node in parsed():
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr in {"create_task", "ensure_future"}:
                # A task group is an owner.
                assert getattr(called.value, "id", "") in {"group", "tasks"}, f"{name}:{node.lineno}"


def test_the_page_is_of_our_own_files_alone() -> None:
    assert {path.name for path in PAGE.iterdir()} == set(page_files.NAMES)
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        for url in re.findall(r"https?://[^\s\"'`<>)]+", text):
            assert re.match(r"http://(127\.0\.0\.1|localhost|www\.w3\.org/)", url), f"{path.name}: {url}"
        for source in re.findall(r"""(?m)(?:^import [^"]*|\b(?:src|href)=|\bimport\()"([^"$]+)\"""", text):
            assert source.lstrip("./") in page_files.NAMES or source.startswith(("#", "_sandbox/")), source
        assert "innerHTML" not in text
        assert "eval(" not in text
    directives = dict(one.strip().split(" ", 1) for one in page_files.CONTENT_SECURITY_POLICY.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert not any("unsafe" in value or "http" in value or "*" in value for value in directives.values())


def test_the_tests_that_the_security_page_names_exist() -> None:
    root = ROOT.parent
    named = re.findall(r"`(tests/[^`]+)`", (root / "docs" / "security.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    for name in named:
        assert (root / name).exists(), name


SECRET = "Меченый текст"


@pytest.mark.parametrize(
    "line",
    [
        SECRET,
        f"text={SECRET!r}",
        "%CC%E5%F7%E5%ED%FB%E9+%F2%E5%EA%F1%F2",
        "%D0%9C%D0%B5%D1%87%D0%B5%D0%BD%D1%8B%D0%B9+%D1%82%D0%B5%D0%BA%D1%81%D1%82",
        ascii(SECRET),
        str(SECRET.encode()),
        str(SECRET.encode("cp1251")),
        SECRET.encode("utf-16-be").hex(),
        "0JzQtdGH0LXQvdGL0Lkg0YLQtdC60YHRgg==",
    ],
)
def test_the_sweep_knows_a_secret_however_it_is_written(line: str) -> None:
    marks = Marks(text=SECRET, phone="9163574826")
    assert [one.mark for one in marks.of("log", f"DEBUG {line} end")] == ["text"]
    assert marks.of("log", "7916*****26 <13 characters>") == []
