"""No module needs, on whatever way, a module that needs it (docs/architecture.md, "Rules").

Imports inside functions count: one that is put off because it would fail at the top is a knot like any other. What is
imported for annotations only does not: it is never run, and what a part knows of its owner is most often just this.
"""

import ast
import graphlib
from collections.abc import Iterable, Iterator
from typing import TypeGuard

import pytest

from tests.house.test_imports import MODULES, PACKAGE, dotted

BY_NAME = {dotted(path): path for path in MODULES}


def is_for_annotations(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def named(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What is imported at run time, with the names that are taken out of it: those may be modules."""
    for node in nodes:
        if is_for_annotations(node):
            yield from named(node.orelse)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from named(ast.iter_child_nodes(node))


def needs(module: str, source: str) -> set[str]:
    """The modules of the package that this one imports, and the packages that are imported on the way to them."""
    found: set[str] = set()
    for name in named([ast.parse(source)]):
        root, *parts = name.split(".")
        if root != PACKAGE:
            continue
        while parts and ".".join(parts) not in BY_NAME:
            parts.pop()
        while parts and not within(module, ".".join(parts)):
            found.add(".".join(parts))
            parts.pop()
    return found


def within(module: str, package: str) -> bool:
    """Whether importing the module has begun with this package: that cannot be helped."""
    return module == package or module.startswith(package + ".")


def cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_imports_make_no_ring() -> None:
    assert not cycle({name: needs(name, path.read_text(encoding="utf-8")) for name, path in BY_NAME.items() if name})


@pytest.mark.parametrize(
    "source,found",
    [
        ("from sms_traffic_async.policy.limits import Pauses", {"policy", "policy.limits"}),
        ("from sms_traffic_async.policy import limits", {"policy", "policy.limits"}),
        ("import sms_traffic_async.policy.limits", {"policy", "policy.limits"}),
        ("from sms_traffic_async import SmsTraffic", set[str]()),
        ("from sms_traffic_async.delivery.book import Book", {"delivery.book"}),
        ("def f():\n    if x:\n        from sms_traffic_async.errors import NotSent", {"errors"}),
        ("if TYPE_CHECKING:\n    from sms_traffic_async.errors import NotSent", set[str]()),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from sms_traffic_async.errors import NotSent", {"errors"}),
    ],
)
def test_every_way_to_import_is_seen(source: str, found: set[str]) -> None:
    assert needs("delivery.tracker", source) == found


def test_a_ring_is_seen() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
