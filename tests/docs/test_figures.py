"""Figures that stand in two places are the same in both."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {"closed": r"(?:answer lost|ответ потерян)", "503": r"503", "429": r"429"}


def measured() -> dict[str, dict[str, dict[str, int]]]:
    """What ``duplicates_by_peer`` printed: client, trouble, and how many SMS went out."""
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    (line,) = re.findall(r'^\{"benchmark": "duplicates_by_peer".*$', page, re.MULTILINE)
    found: dict[str, dict[str, dict[str, int]]] = json.loads(line)["sms"]
    return found


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
@pytest.mark.parametrize("trouble", ROWS)
def test_the_readme_counts_sms_as_they_were_measured(name: str, trouble: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| [^|]*SMS[^|]*{ROWS[trouble]}[^|]*\|(.*)$", page, re.MULTILINE)
    ours, twilio, vonage, *_ = (cell.strip().strip("*") for cell in row.split("|"))
    sms = measured()
    patient = sms["twilio async, max_retries=4"][trouble]["sms"]
    plain = sms["twilio async"][trouble]["sms"]
    assert ours == str(sms["sms-traffic-async"][trouble]["sms"])
    assert vonage == str(sms["vonage"][trouble]["sms"])
    assert re.findall(r"(?<![=\w])\d+", twilio) == [str(plain)] + [str(patient)] * (patient != plain)
