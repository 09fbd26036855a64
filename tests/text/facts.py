"""The facts about text and addresses, and what each test takes from them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[1] / "vectors" / "text-vectors.json"
FACTS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]
COUNTS = Counter(fact["topic"] for fact in FACTS)


def facts(topic: str, *, without: tuple[str, ...] = ()) -> list[Any]:
    """Parameters ``given, expect`` of every fact of a topic, named by its id."""
    chosen = [fact for fact in FACTS if fact["topic"] == topic and fact["id"] not in without]
    assert len(chosen) + len(without) == COUNTS[topic]
    return [pytest.param(fact["input"], fact["expect"], id=fact["id"]) for fact in chosen]


def fact(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """``input`` and ``expect`` of one fact."""
    (found,) = (each for each in FACTS if each["id"] == name)
    return found["input"], found["expect"]
