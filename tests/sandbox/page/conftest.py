from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from sms_traffic_async import SmsTraffic
from sms_traffic_async.sandbox import Sandbox
from tests.support.peers import peer

SHOTS = os.environ.get("SMS_TRAFFIC_TESTS_SHOTS")  # read before a test's environment is cleaned

# Nothing but the page: no look-ups of the browser's own, which a closed network answers late.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# One browser and one event loop for all tests of the page: starting it costs more than most of them.
shared = pytest_asyncio.fixture(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = peer("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        await browser.close()


@shared
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@shared
async def sms(sandbox: Sandbox) -> AsyncIterator[SmsTraffic]:
    async with SmsTraffic(**sandbox.client_options()) as sms:
        yield sms


@shared
async def page(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Page]:
    """The open page; what goes wrong in it fails the test."""
    context = await browser.new_context(viewport={"width": 1360, "height": 860}, locale="en-GB")
    context.set_default_timeout(10_000)
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # A refused search is answered with 400, which the browser logs as an error.
    page.on(
        "console", lambda line: problems.append(line.text) if line.type == "error" and "400" not in line.text else None
    )
    await page.goto(sandbox.page_url)
    await page.wait_for_selector("#live.on")
    yield page
    assert not problems
    await context.close()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go: kept where ``SMS_TRAFFIC_TESTS_SHOTS`` says."""
    folder = Path(SHOTS or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
