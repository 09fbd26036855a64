"""The page about the sandbox names everything there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sms_traffic_async.sandbox import Account, Sandbox, Switches
from sms_traffic_async.sandbox.account_values import ACCOUNT_FIELDS
from sms_traffic_async.sandbox.accounts import OPERATIONS
from sms_traffic_async.sandbox.control import PREFIX, control_app
from sms_traffic_async.sandbox.effects import EFFECTS
from sms_traffic_async.sandbox.faults import PROFILES
from sms_traffic_async.sandbox.outcomes import BUILT_IN
from sms_traffic_async.sandbox.search import KEYS
from sms_traffic_async.sandbox.serve import ServeOptions

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [field.name for field in fields(Switches)])
def test_every_switch(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_default_of_a_switch() -> None:
    defaults = Switches()
    for name, default in re.findall(r"^\| *(?:U\d+)? *\| `(\w+)` \| `([^`]+)` \|", PAGE, re.MULTILINE):
        shown = repr(getattr(defaults, name)).replace("'", '"')
        assert shown == default, name


def test_every_effect_and_profile() -> None:
    for kind, effect in EFFECTS.items():
        assert f"`{kind}`" in PAGE
        assert f"`{effect.__name__}(" in PAGE
    for name in PROFILES:
        assert f"`{name}`" in PAGE


def test_every_outcome() -> None:
    listed: set[str] = set()
    table = PAGE.partition("## Numbers choose")[2].partition("\n## ")[0]
    for cell in re.findall(r"^\| (`\d{4}`[^|]*)\|", table, re.MULTILINE):
        suffixes = re.findall(r"`(\d{4})`", cell)
        if "…" in cell:
            listed |= {str(number) for number in range(int(suffixes[0]), int(suffixes[1]) + 1)}
        else:
            listed |= set(suffixes)
    assert listed == {outcome.suffix for outcome in BUILT_IN}


def test_every_path_of_the_control_api() -> None:
    for route in control_app(Sandbox()).routes:
        path = re.sub(r":path}", "}", getattr(route, "path", "")).removeprefix(PREFIX)
        methods: set[str] = getattr(route, "methods", set()) - {"HEAD"}
        assert any(f"`{method} {path}" in PAGE for method in methods), (methods, path)


def test_every_option_key_and_permission() -> None:
    for key in KEYS:
        assert f"`{key}:`" in PAGE
    for operation in OPERATIONS:
        assert f"`{operation}`" in PAGE
    for field in fields(ServeOptions):
        name = field.name.replace("_", "-")
        assert f"`--{name}`" in PAGE or f"`{field.name.upper()}`" in PAGE
    names = {field.name for field in fields(Account)}
    assert names >= ACCOUNT_FIELDS
    for name in ACCOUNT_FIELDS - {"http_allowed"}:
        assert f"`{name}`" in PAGE
