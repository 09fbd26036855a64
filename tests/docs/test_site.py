"""The documentation site is whole: every page has a place, and the reference shows every public name."""

import html
import importlib
import re
import runpy
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SITE = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


def pages(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    values = part.values() if isinstance(part, dict) else part
    return [page for one in values for page in pages(one)]


def value_of(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_every_page_has_a_place() -> None:
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(pages(SITE["nav"])) == sorted(there)


def test_the_reference_shows_every_public_name() -> None:
    shown = {
        name
        for page in (ROOT / "docs" / "api").glob("*.md")
        for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    public = (ROOT / "tests" / "house" / "public_names.txt").read_text(encoding="utf-8").split()
    known = {id(value_of(name)) for name in shown}  # what has two addresses is shown once
    assert not [name for name in public if id(value_of(name)) not in known and not name.endswith("__version__")]


def test_a_page_of_the_reference_shows_a_name_once() -> None:
    for page in (ROOT / "docs" / "api").glob("*.md"):
        names = re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(names) == len(set(names)), page.name


def test_the_reference_shows_methods() -> None:
    """A filter without an exclamation mark keeps nothing but what it names: it once hid every method."""
    options = SITE["plugins"]["mkdocstrings"]["handlers"]["python"]["options"]
    assert all(one.startswith("!") for one in options["filters"])
    session = (ROOT / "docs" / "api" / "session.md").read_text(encoding="utf-8")
    assert "::: sms_traffic_async.SmsTraffic\n    options:\n      inherited_members: true\n" in session


def test_the_picture_shows_the_house_as_it_is() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "_generate_picture.py"))
    drawn = (ROOT / "docs" / "images" / "house.svg").read_text(encoding="utf-8")
    edges = {f"{here} > {there}" for here, there in made["read"]().edges}
    assert {html.unescape(edge) for edge in re.findall(r'data-edge="([^"]*)"', drawn)} == edges, (
        "run docs/_generate_picture.py"
    )


def test_the_pages_ask_no_foreign_host_for_anything() -> None:
    assert SITE["theme"]["font"] is False
    assert "repo_url" not in SITE  # its link asks GitHub for stars and releases on every page
    assert SITE["extra"]["social"][0]["link"].startswith("https://github.com/")


def test_the_site_is_built_with_what_wraps_signatures() -> None:
    """Without a formatter mkdocstrings shows each signature as one line, however long."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(one.startswith("ruff") for one in project["optional-dependencies"]["docs"])


def test_the_site_holds_none_of_the_scripts_that_write_it() -> None:
    scripts = [path.name for path in (ROOT / "docs").rglob("*.py")]
    assert scripts
    assert not [name for name in scripts if not any(fnmatch(name, one) for one in SITE["exclude_docs"].split())]


def test_links_lead_somewhere() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not missing
