"""The inbox page in a real Chromium."""

from __future__ import annotations

import asyncio
import json
import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from sms_traffic_async import SmsTraffic
from sms_traffic_async.sandbox import Rate, Sandbox
from sms_traffic_async.sandbox.network import Refuse

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = "#list .row"


async def test_messages_of_every_protocol_appear_live(
    page: Page, sandbox: Sandbox, sms: SmsTraffic, shots: Path
) -> None:
    await expect(page.locator("#list")).to_have_attribute("data-empty", "Nothing was sent yet.")
    protocols = [name for name in ("v2", "v1", "soap", "smpp") if name != "smpp" or "smpp" in sandbox.client_options()]
    for number, via in enumerate(protocols):
        await sms.send(f"7916111220{number}", f"по {via}", via=via)  # type: ignore[arg-type] # a Via, by its list
    for via in protocols:
        await expect(page.locator(ROWS, has_text=f"по {via}").locator(".badge")).to_have_text(via)
    await expect(page.locator(ROWS)).to_have_count(len(protocols))
    await expect(page.locator("#count")).to_have_text(str(len(protocols)))
    await page.locator(ROWS, has_text="по v1").click()
    await expect(page.locator("#detail .timeline")).to_contain_text("Delivered")
    await page.screenshot(path=shots / "inbox.png")


async def test_a_status_changes_before_the_eyes(page: Page, sandbox: Sandbox, sms: SmsTraffic) -> None:
    await sms.send("79031119031", "стоит у оператора")  # this number stays Buffered SMSC
    row = page.locator(ROWS)
    await expect(row.locator(".fate")).to_contain_text("Buffered SMSC")
    await row.click()
    await expect(page.locator("#detail .timeline")).to_contain_text("Buffered SMSC")
    sandbox.platform.life.check(sandbox.messages[0])
    await expect(row.locator(".fate")).to_contain_text("Checked")
    await expect(page.locator("#detail .timeline")).to_contain_text("Checked")


async def test_markup_and_control_characters_stay_text(page: Page, sandbox: Sandbox) -> None:
    text = "<img src=x onerror=alert(1)> <b>жирный</b> \u202eоборот\u0007 &amp; javascript:alert(1)"
    sandbox.platform.receive(sender="79161112233", recipient="1234", text=text)
    await page.locator(ROWS).click()
    await expect(page.locator(".bubble .said")).to_have_text(text, use_inner_text=False)
    assert await page.locator(".bubble img, .bubble b, #list img, #list b").count() == 0
    policy = (await page.request.get(sandbox.page_url)).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_search_finds_and_says_what_is_wrong(page: Page, sms: SmsTraffic) -> None:
    await sms.send("79161112233", "Ваш код 1234")
    await sms.send("79261112233", "Заказ готов", via="v1")
    await page.keyboard.press("/")
    await page.keyboard.type("via:v1 -text:код")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator(ROWS)).to_contain_text("Заказ готов")
    await sms.send("79261112234", "Ещё один", via="v1")
    await expect(page.locator(ROWS)).to_have_count(2)
    await page.fill("#query", "no_such_key:1")
    await expect(page.locator("#query-problem")).to_contain_text("no key")
    async with page.expect_response(lambda response: "no_such_key" in response.url):
        await sms.send("79261112235", "Сам спросил", via="v1")  # the page asks again by itself, and is refused again
    await expect(page.locator("#query-problem")).to_contain_text("no key")
    await page.fill("#query", "to:999")
    await expect(page.locator("#list")).to_have_attribute("data-empty", "No message matches.")
    await expect(page.locator("#query-problem")).to_be_hidden()


async def test_a_thread_and_an_answer_of_the_subscriber(page: Page, sandbox: Sandbox, sms: SmsTraffic) -> None:
    await sms.send("79161112233", "Подтвердите визит")
    await sms.send("79161112233", "Ждём вас завтра")
    await sms.send("79990001122", "Другому")
    await page.click("#tab-threads")
    await expect(page.locator(ROWS)).to_have_count(2)
    await page.locator(ROWS, has_text="916").click()
    await expect(page.locator(".bubble.out")).to_have_count(2)
    await page.keyboard.press("r")
    await page.keyboard.type("Да, буду")
    await page.keyboard.press("Enter")
    await expect(page.locator(".bubble.in")).to_have_text(re.compile("Да, буду"))
    assert sandbox.messages[-1].direction == "mo"
    assert (sandbox.messages[-1].to, sandbox.messages[-1].text) == ("79161112233", "Да, буду")


async def test_a_push_is_seen_and_sent_again(page: Page, sandbox: Sandbox, sms: SmsTraffic, shots: Path) -> None:
    got: list[bytes] = []

    async def application(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        got.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(application, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await page.click("[data-panel=pushes]")
        await page.fill("[name=statuses_url]", f"http://127.0.0.1:{port}/statuses")
        await page.click(".panel button[type=submit]")
        await expect(page.locator("#toast")).to_have_text("Saved")
        await sms.send("79161112233", "hello")
        await page.locator(ROWS).click()
        await expect(page.locator("#detail .push").first).to_contain_text("delivered")
        await expect(page.locator("#detail .timeline")).to_contain_text("Delivered")
        await page.screenshot(path=shots / "pushes.png")
        before = len(got)
        await page.locator("#detail .push button").first.click()
        await expect(page.locator("#detail .push").first.locator(".attempts li")).to_have_count(2)
    assert len(got) > before
    assert b"hello" not in b"".join(got)  # statuses carry no text


async def test_faults_are_switched_on_and_off(page: Page, sandbox: Sandbox, shots: Path) -> None:
    await page.click("[data-panel=faults]")
    await page.click("[data-profile=throttled]")
    await expect(page.locator(".rules")).to_contain_text("throttle")
    assert [rule.effect.kind for rule in sandbox.faults] == ["throttle"]
    await page.select_option("[name=effect]", "drop")
    await page.select_option("[name=when]", "after")
    await page.fill("[name=nth]", "3")
    await page.click(".panel button[type=submit]")
    await expect(page.locator(".rules li")).to_have_count(2)
    assert [rule.nth for rule in sandbox.faults] == [None, 3]
    await page.screenshot(path=shots / "faults.png")
    await page.click("[data-profile=healthy]")
    await expect(page.locator(".panel")).to_contain_text("everything works")
    assert not list(sandbox.faults)


async def test_what_is_typed_stays_when_a_panel_is_drawn_again(page: Page, sandbox: Sandbox) -> None:
    await page.click("[data-panel=faults]")
    await page.select_option("[name=protocol]", "v2")
    await page.select_option("[name=effect]", "latency")
    await page.fill("[name=nth]", "3")
    await page.locator("[name=nth]").blur()
    await page.request.put(f"{sandbox.page_url}_sandbox/faults/profile", data={"name": "throttled"})
    await expect(page.locator(".rules")).to_contain_text("throttle")
    typed = [await page.input_value(f"[name={name}]") for name in ("protocol", "effect", "nth")]
    assert typed == ["v2", "latency", "3"]


async def test_only_faults_that_can_happen_are_offered(page: Page, sandbox: Sandbox) -> None:
    await page.click("[data-panel=faults]")
    await page.wait_for_selector("[name=effect]")
    offered = "[...document.querySelector('[name=effect]').options].map((one) => one.value)"
    assert "ghost_bind" in await page.evaluate(offered)
    await page.select_option("[name=protocol]", "v2")
    web = await page.evaluate(offered)
    assert "drop" in web
    assert not {"ghost_bind", "early_receipt", "lose", "reorder"} & set(web)
    await page.select_option("[name=protocol]", "smpp")
    assert {"ghost_bind", "early_receipt", "lose", "drop"} <= set(await page.evaluate(offered))
    await page.select_option("[name=protocol]", "push")
    assert set(await page.evaluate(offered)) == {"drop", "duplicate", "latency", "lose", "reorder"}
    await page.select_option("[name=effect]", "drop")
    await page.click(".panel button[type=submit]")
    await expect(page.locator(".rules li")).to_have_count(1)
    (rule,) = sandbox.faults
    assert (rule.effect.kind, rule.protocol, rule.operation) == ("drop", "push", "push")


async def test_accounts_with_departments_and_tokens(page: Page, sandbox: Sandbox) -> None:
    account = sandbox.accounts.get()
    department = account.add_department("shop", "hidden-password", roles=())
    department.system_id = "shop1"
    sandbox.accounts.add_token(
        "2001/hidden-key", login="sandbox:shop", permissions={"send"}, rate=Rate(count=20, seconds=2)
    )
    await page.click("[data-panel=account]")
    panel = page.locator("#panel")
    for shown in ("sandbox:shop", "shop1", "1837/…", "2001/…", "20 / 2 s"):
        await expect(panel).to_contain_text(shown)
    assert "hidden" not in await panel.inner_text()
    await page.fill("#panel [name=balance]", "0.10")
    await page.fill("#panel [name=blocked]", "79160000000, 79160000001")
    await page.click("#panel button[type=submit]")
    await expect(page.locator("#toast")).to_have_text("Saved")
    assert (str(account.balance), account.blocked) == ("0.10", {"79160000000", "79160000001"})


async def test_the_wire_of_every_protocol(page: Page, sandbox: Sandbox, sms: SmsTraffic) -> None:
    host, port = sandbox.smtp_address
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "me@example.com", "sandbox@corp.smsmail.ru", "79161112233"
    letter.set_content("letter")
    await asyncio.to_thread(_post, host, port, letter)
    for via in ("v2", "v1", "soap", "smpp"):
        await sms.send("79161112233", f"wire of {via}", via=via)
    wanted = {
        "v2": ("POST /v2/", "Bearer 1837/********", '"message": "wire of v2"', '"success": true'),
        "v1": ("POST /multi.php", "wire+of+v1", "<reply>"),
        "soap": ("soap.php", "wire of soap", "Envelope"),
        "smpp": ("submit_sm", "destination_addr = 79161112233", "submit_sm_resp", "0000  00 00 00"),
        "smtp": ("RCPT TO:<sandbox@corp.smsmail.ru>", "subject: 79161112233", "250 OK"),
    }
    for via, pieces in wanted.items():
        await page.locator(ROWS).filter(has=page.locator(".badge", has_text=re.compile(f"^{via}$"))).click()
        await expect(page.locator(".row.selected .badge")).to_have_text(via)
        wire = page.locator("#detail .card.wide").last
        for piece in pieces:
            await expect(wire).to_contain_text(piece, ignore_case=True)
        shown = await wire.inner_text()
        assert "password=sandbox" not in shown
        assert sandbox.api_key not in shown


def _post(host: str, port: int, letter: EmailMessage) -> None:
    with smtplib.SMTP(host, port) as server:
        server.send_message(letter)


async def test_what_is_searched_for_is_saved(page: Page, sms: SmsTraffic) -> None:
    await sms.send("79161112233", "Ваш код 1234")
    await sms.send("79261112233", "Заказ готов")
    await page.fill("#query", "text:код")
    await expect(page.locator(ROWS)).to_have_count(1)
    async with page.expect_download() as saving:
        await page.click("#export")
    saved = await saving.value
    assert saved.suggested_filename == "messages.jsonl"
    (line,) = Path(await saved.path()).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "Ваш код 1234"


async def test_every_address_is_told(page: Page, sandbox: Sandbox) -> None:
    await page.click("[data-panel=connect]")
    for address in (sandbox.urls[1], "{}:{}".format(*sandbox.smpp_address(2)), "{}:{}".format(*sandbox.smtp_address)):
        await expect(page.locator("#panel")).to_contain_text(address)


async def test_the_clock_moves(page: Page, sandbox: Sandbox, sms: SmsTraffic) -> None:
    await sms.send("79161119030", "медленно")  # a minute
    await page.locator(ROWS).click()
    await expect(page.locator("#detail .timeline")).to_contain_text("Buffered SMSC")
    before = sandbox.clock.now()
    await page.click("[data-panel=clock]")
    await page.click("[data-advance='10m']")
    await expect(page.locator("#detail .timeline")).to_contain_text("Delivered")
    assert sandbox.clock.now() - before >= 600


async def test_copy_as_python_is_code_that_sends_it(page: Page, sandbox: Sandbox, sms: SmsTraffic) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = 'Код "42" \\ строка\nдве, it\'s'
    await sms.send("79161112233", text)
    await page.locator(ROWS).click()
    for name in ("python", "curl", "pytest"):
        await page.click(f"[data-copy={name}]")
        await expect(page.locator("#toast")).to_have_text("Copied")
        copied = await page.evaluate("navigator.clipboard.readText()")
        if name == "curl":
            body = json.loads(copied.partition("-d '")[2].removesuffix("'").replace("'\\''", "'"))
            assert body["channels"]["sms"]["message"] == text
            assert body["destinations"] == [{"to": 79161112233}]
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {sandbox.api_key}"}) as client:
                answer = await client.post(f"{sandbox.urls[0]}/v2/send", json=body)
            assert answer.json()["success"] is True
            assert (len(sandbox.messages), sandbox.messages[-1].text, len(sandbox.findings)) == (2, text, 0)
        else:
            compile(copied, name, "exec", flags=0x2000)  # PyCF_ALLOW_TOP_LEVEL_AWAIT
            assert "79161112233" in copied


async def test_codes_and_links_are_pulled_out(page: Page, sms: SmsTraffic) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sms.send("79161112233", "Код 482913. Вход: https://bank.example/login")
    await page.locator(ROWS).click()
    await page.click("[data-copy=codes]")
    assert await page.evaluate("navigator.clipboard.readText()") == "482913"
    await expect(page.locator("[data-copy=links]")).to_be_visible()
    assert await page.locator("#detail a").count() == 0  # a link is text: nothing is ever fetched
    await expect(page.locator(".air")).to_contain_text("UCS-2 because of")


async def test_dark_russian_and_narrow(page: Page, sandbox: Sandbox, sms: SmsTraffic, shots: Path) -> None:
    await sms.send("79161112233", "Ваш код 4821")
    await page.click("#language")
    await expect(page.locator("#tab-all")).to_have_text("Все")
    await page.click("#theme")
    background = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(background) == "rgb(20, 24, 27)"
    await page.reload()
    await expect(page.locator("#tab-all")).to_have_text("Все")  # both are remembered
    assert await page.evaluate(background) == "rgb(20, 24, 27)"
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.locator(ROWS).click()
    await expect(page.locator("#list")).to_be_hidden()
    await page.screenshot(path=shots / "narrow.png")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.click(".back")
    await expect(page.locator("#list")).to_be_visible()


async def test_a_click_counts_while_messages_come_in(page: Page, sandbox: Sandbox) -> None:
    sandbox.platform.receive(sender="79161112233", recipient="1234", text="the one")
    row = page.locator(ROWS, has_text="the one")
    await row.hover()
    await page.mouse.down()
    sandbox.platform.receive(sender="79161112244", recipient="1234", text="another")
    await expect(page.locator(ROWS)).to_have_count(2)  # the list was drawn anew under the finger
    await page.mouse.up()
    await expect(page.locator(".row.selected")).to_contain_text("the one")


async def test_the_keyboard_alone(page: Page, sandbox: Sandbox) -> None:
    for number in range(5):
        sandbox.platform.receive(sender=f"7916111223{number}", recipient="1234", text=f"n{number}")
    await expect(page.locator(ROWS)).to_have_count(5)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.locator(".row.selected")).to_contain_text("n3")
    await expect(page.locator("#list")).to_have_attribute("aria-activedescendant", re.compile("row-"))
    await page.keyboard.press("k")
    await expect(page.locator(".row.selected")).to_contain_text("n4")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "detail"
    await page.keyboard.press("Escape")
    await expect(page.locator(".row.selected")).to_have_count(0)


async def test_a_lost_stream_catches_up(browser: Browser) -> None:
    async with Sandbox(proxied=True) as sandbox:
        page = await browser.new_page()
        await page.goto(sandbox.page_url)
        await page.wait_for_selector("#live.on")
        refusing = sandbox.proxies[0].rules.add(Refuse())
        await sandbox.proxies[0].drop_all()
        await page.wait_for_selector("#live:not(.on)")
        sandbox.platform.receive(sender="79161112233", recipient="1234", text="while nobody listened")
        sandbox.proxies[0].rules.remove(refusing)
        await expect(page.locator(ROWS)).to_contain_text("while nobody listened")
        await page.close()


async def test_five_thousand_messages(page: Page, sandbox: Sandbox) -> None:
    for number in range(5_200):
        sandbox.platform.receive(sender=f"79{number:09d}", recipient="1234", text=f"number {number}")
    await expect(page.locator("#count")).to_have_text("5000", timeout=20_000)
    assert await page.locator(ROWS).count() < 40  # only what is in sight exists
    for _ in range(30):
        await page.keyboard.press("j")
    await expect(page.locator(".row.selected")).to_contain_text("number 5170")
    await page.fill("#query", "text:4000")
    await expect(page.locator(ROWS)).to_have_count(1)


@pytest.mark.parametrize("path", ["", "app.js", "_sandbox/events", "_sandbox/messages", "_sandbox/connect"])
async def test_another_page_gets_nothing(sandbox: Sandbox, path: str) -> None:
    async with httpx.AsyncClient() as client:
        url = sandbox.page_url + path
        assert (await client.get(url, headers={"origin": "http://evil.example"})).status_code == 403
        assert (await client.get(url, headers={"host": "evil.example"})).status_code == 403


async def test_files_are_served_by_name_only(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.page_url) as client:
        page = await client.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get("/../server.py")).status_code == 404
        assert (await client.get("/page_files.py")).status_code == 404
        assert (await client.post("/", json={})).status_code == 404
