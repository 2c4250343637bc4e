"""The page in headless Chromium: no message in the console, no request, no sideways scroll, in both languages."""

from pathlib import Path

import pytest
import samples

from duiqi.show import html

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
NAMES = ("diagnose_en", "align_zh", "many_classes", "foreign")


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="the browser test needs playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"the browser test needs {CHROMIUM}")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_quiet_and_fits(browser, tmp_path, name, lang):
    path = tmp_path / "report.html"
    path.write_text(html.render(samples.everything()[name], lang=lang), encoding="utf-8")
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        said, asked = [], []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert said == []
        assert asked == [path.as_uri()]
        scroll, inner = page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
        assert scroll <= inner == width
        # the style sheet was let in by its hash
        assert page.evaluate("getComputedStyle(document.querySelector('main')).marginLeft") != "0px"
        page.close()
