"""The pages in a real browser: a person logs in, looks around and retries a dead letter; in light and dark, on a phone, and without
scripts. Nothing is asked of any other host and nothing is complained about."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from hooks_kit import Served, asked, config_in, configure, serving
from outside import chromium
from pages_kit import CONNECTIONS, SUBSCRIBERS, WICKED, furnish
from stagebridge.access import keys
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1280,900",
)  # fmt: skip
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}
EVERY_PAGE = (
    "/", "/runs", "/runs/2", "/runs/99", "/conflicts", "/dead-letters", "/receivers", "/receivers/warehouse",
    f"/receivers/{SUBSCRIBERS[1]}", "/contacts", f"/contacts/{1:032x}", f"/contacts/{2:032x}",
)  # fmt: skip
ADA = "ada@example.com"


@dataclass
class Browser:
    """A person at a browser, who takes pictures."""

    chrome: Chrome
    url: str
    album: Path
    pictures: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.chrome.get(self.url + path)

    def one(self, selector: str) -> WebElement:
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def text(self) -> str:
        return self.one("body").text

    @property
    def path(self) -> str:
        return urlsplit(self.chrome.current_url).path

    def type(self, selector: str, text: str) -> None:
        self.one(selector).send_keys(text)

    def click(self, selector: str) -> None:
        """Everything that is clicked leads to another page; it is there when this returns."""
        page = self.one("html")
        self.one(selector).click()
        # while one page takes another's place, the driver says in several ways that the old one is not there
        WebDriverWait(self.chrome, 20, ignored_exceptions=(WebDriverException,)).until(staleness_of(page))

    def look(self, scheme: str, size: tuple[int, int]) -> None:
        """Prefer a colour scheme, on a screen of this size."""
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)

    def picture(self, name: str) -> None:
        """The whole page; it is no wider than the screen."""
        taken = self.chrome.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (self.album / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))
        metrics = self.chrome.execute_cdp_cmd("Page.getLayoutMetrics", {})
        assert metrics["cssContentSize"]["width"] <= metrics["cssLayoutViewport"]["clientWidth"], f"{name} is too wide"
        self.pictures.append(name)

    def hosts(self) -> set[str]:
        """Whom the browser asked for anything, since the last time."""
        found = set()
        for entry in self.chrome.get_log("performance"):  # type: ignore[no-untyped-call]
            said = json.loads(entry["message"])["message"]
            if said["method"] == "Network.requestWillBeSent":
                url = urlsplit(said["params"]["request"]["url"])
                found |= {url.netloc} if url.scheme not in ("chrome", "data") else set()
        return found

    def complaints(self) -> list[str]:
        """What it wrote to its console: errors, and what the content security policy kept out."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    chromium()
    folder = tmp_path_factory.mktemp("pages")
    nowhere = {
        **CONNECTIONS["warehouse"]["send"],
        "url": "http://127.0.0.1:9/in/very-secret",
    }  # `serve` would post to it
    told = {**CONNECTIONS, "warehouse": {**CONNECTIONS["warehouse"], "send": nowhere}}
    configure(folder, told, contacts={"initial": "fill_empty"})
    ledger, now = Ledger.open(config_in(folder).ledger), int(time.time() * 1000)
    furnish(ledger, now)
    key = keys.create(ledger, "olga", now, scope="pages")
    ledger.close()
    with serving(folder) as running:
        yield running, key
        running.kill()  # it would wait for platforms that are not there


@contextmanager
def browsing(url: str, album: Path, *, scripts: bool) -> Iterator[Browser]:
    program, driver = chromium()
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={album / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    chrome = Chrome(options, ChromeService(driver))
    chrome.set_page_load_timeout(30)
    try:
        chrome.get("data:text/html,<noscript>off</noscript><script>document.write('on')</script>")
        assert chrome.find_element(By.CSS_SELECTOR, "body").text == ("on" if scripts else "off")
        yield Browser(chrome, url, album)
    finally:
        chrome.quit()


@pytest.mark.parametrize(
    ("scripts", "looks"),
    [(True, (("light", "desktop"), ("dark", "phone"))), (False, (("dark", "desktop"), ("light", "phone")))],
    ids=["with scripts", "without scripts"],
)
def test_a_person_logs_in_looks_around_and_retries_a_dead_letter(
    served: tuple[Served, str], tmp_path: Path, scripts: bool, looks: tuple[tuple[str, str], ...]
) -> None:
    with browsing(served[0].url, tmp_path, scripts=scripts) as browser:
        look_around(browser, *served, looks)


def look_around(browser: Browser, running: Served, key: str, looks: tuple[tuple[str, str], ...]) -> None:
    browser.look("light", SCREENS["desktop"])
    browser.open("/conflicts")
    assert browser.path == "/login"
    browser.picture("login")
    browser.type("#key", "sb_not_a_key")
    browser.click("button.main")
    assert "That is no key" in browser.text()
    browser.type("#key", key)
    browser.click("button.main")
    assert browser.path == "/conflicts"  # where he wanted to go
    assert "The stage was moved backwards" in browser.text()

    browser.click('nav a[href="/"]')
    for word in ("crm", "hubspot", "failing", "Latest runs", "stopped by a guard"):
        assert word in browser.text()

    browser.click('nav a[href="/dead-letters"]')
    before = browser.text()
    browser.click('button[value="retry"]')
    assert browser.path == "/dead-letters"
    assert "is tried again by the next sync" in browser.text()
    assert len(browser.text().splitlines()) < len(before.splitlines())
    assert "pending" in asked(running.folder, sa.select(t.outbox.c.state).where(t.outbox.c.connection == "sales"))

    browser.click('nav a[href="/contacts"]')
    browser.type("#who", ADA)
    browser.click("button.main")
    assert browser.path == f"/contacts/{1:032x}"
    for word in ("Ada Lovelace", ADA, "customer", "Countess", "r1"):
        assert word in browser.text()

    browser.click('nav a[href="/receivers"]')
    assert "nothing arrived for three days" in browser.text()
    browser.click('th a[href="/receivers/warehouse"]')
    browser.click('button[value="again"]')
    assert "is sent once more, once the receiver is resumed" in browser.text()
    assert asked(running.folder, sa.select(t.post.c.id).where(t.post.c.state == "dead")) == []

    grounds = set()
    for scheme, screen in looks:
        browser.look(scheme, SCREENS[screen])
        for path in EVERY_PAGE:
            browser.open(path)
            browser.picture(f"{path.strip('/').replace('/', '-') or 'home'}-{screen}-{scheme}")
        grounds.add(browser.one("body").value_of_css_property("background-color"))
    assert len(grounds) == 2

    browser.open(f"/contacts/{2:032x}")
    assert WICKED in browser.text()  # as he wrote it, and nothing of it came to life
    browser.click("header button")
    browser.open("/contacts")
    assert browser.path == "/login"
    browser.picture("login-phone-dark")

    assert browser.hosts() == {urlsplit(browser.url).netloc}
    refused = (
        "/login - Failed to load resource",
        "/runs/99 - Failed to load resource",
    )  # the two that he asked for wrongly
    assert [c for c in browser.complaints() if not any(r in c for r in refused)] == []
