"""Every example of docs/text.md runs and prints what it says."""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "text.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```pycon\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_examples() -> None:
    assert len(BLOCKS) == TEXT.count("```") / 2 == 11
    names: dict[str, object] = {}
    runner = doctest.DocTestRunner(verbose=False)
    for number, block in enumerate(BLOCKS):
        test = doctest.DocTestParser().get_doctest(block, names, f"block {number}", str(PAGE), 0)
        assert test.examples
        test.globs = names
        report: list[str] = []
        runner.run(test, out=report.append, clear_globs=False)
        if report:
            pytest.fail("".join(report))
