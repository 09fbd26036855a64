"""Figures that stand in two places are the same in both."""

import inspect
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sms_traffic_async import SmppOptions, SoapOptions, Timeouts
from sms_traffic_async.cli import worker
from sms_traffic_async.node import DEFAULT_NODES

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


def test_the_page_for_production_names_every_address_and_default() -> None:
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    urls = [urlsplit(url) for url in (*DEFAULT_NODES, SoapOptions().url)]
    servers = [f"{server.host}:{server.port}" for server in SmppOptions().nodes]
    assert {f"{url.hostname}:443" for url in urls} | set(servers) == set(re.findall(r"`([\w.]+\.ru:\d+)`", page))
    shown = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) s \|", page, re.MULTILINE))
    assert shown == {name: f"{getattr(Timeouts(), name):g}" for name in ("connect", "read", "close_grace")}
    assert f"`Timeouts.deadline` ({Timeouts().deadline:g} s)" in page
    assert f"its `--grace` ({inspect.signature(worker.command).parameters['grace'].default:g} s)" in page
