"""The three renderers: snapshots, escaping, nothing from the network, and codes nobody has sentences for."""

import io
import os
import re
import shlex
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import samples
from rich.cells import cell_len
from rich.console import Console

from duiqi.show import figure, html, markdown, terminal
from duiqi.show.outline import Outline
from duiqi.show.sentences import is_chinese

SNAPSHOTS = Path(__file__).parent / "__snapshots__"
REPORTS = samples.everything()
EACH = pytest.mark.parametrize("lang", ["en", "zh"])
ALL = pytest.mark.parametrize("name", sorted(REPORTS))


@pytest.fixture
def no_charts(monkeypatch):
    monkeypatch.setattr(figure, "available", lambda: False)


@cache
def page_of(name: str, lang: str) -> str:
    return html.render(REPORTS[name], lang=lang)


def typed(report: dict, lang: str, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    terminal.print_report(report, lang=lang, console=console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


class Words(HTMLParser):
    """The text of a page, and every tag and attribute in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.inside = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside != "style" and data.strip():
            self.text.append(" ".join(data.split()))


def compare(name: str, shown: str) -> None:
    """Equal to the snapshot; DUIQI_WRITE_SNAPSHOTS=1 writes it anew, to be read before it is committed."""
    path = SNAPSHOTS / name
    if os.environ.get("DUIQI_WRITE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


SHOWN = pytest.mark.parametrize(("name", "lang"), [("diagnose_en", "en"), ("align_zh", "zh")])


@SHOWN
def test_terminal_looks_as_before(name, lang):
    compare(f"{name}.terminal.txt", typed(REPORTS[name], lang))


@SHOWN
def test_markdown_looks_as_before(name, lang):
    compare(f"{name}.md", markdown.render(REPORTS[name], lang=lang))


@SHOWN
def test_html_says_what_it_said_before(name, lang, no_charts):
    compare(f"{name}.html.txt", "\n".join(Words(html.render(REPORTS[name], lang=lang)).text) + "\n")


@ALL
@EACH
def test_every_report_can_be_shown(name, lang):
    page = page_of(name, lang)
    assert Words(page).tags.count("h1") == 1
    assert len(page.encode()) < 5_000_000
    assert markdown.render(REPORTS[name], lang=lang).startswith("### ")
    assert typed(REPORTS[name], lang).strip()


@ALL
@EACH
def test_the_page_has_no_script_and_asks_the_network_for_nothing(name, lang):
    page = Words(page_of(name, lang))
    assert not {"script", "link", "iframe", "img", "object", "embed", "form"} & set(page.tags)
    assert [a for a in page.attributes if a[0].startswith("on") or a[0] in ("src", "href", "xlink:href", "style")] == []
    assert "http" not in page_of(name, lang).replace("http-equiv", "")
    assert ("lang", "zh-Hans" if lang == "zh" else "en") in page.attributes


@EACH
def test_whatever_stands_in_the_data_shows_as_text(lang):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"

    def poisoned(value, key=""):
        if isinstance(value, dict):
            kept = {
                "verb",
                "verdict",
                "form",
                "kind",
                "op",
                "code",
                "decision",
                "status",
                "format",
                "column",
                "measure",
                "title",
            }
            return {k: v if k in kept else poisoned(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poisoned(each, key) for each in value]
        return evil if isinstance(value, str) else value

    for name in ("diagnose_en", "align_zh", "foreign"):
        report = poisoned(REPORTS[name])
        for exhibit in report["exhibits"]:
            exhibit["data"] = {**exhibit["data"], "title": evil}
        source = html.render(report, lang=lang)
        page = Words(source)
        assert "<script" not in source
        assert "<img" not in source
        assert not {"script", "img"} & set(page.tags)
        assert any("alert(1)" in text for text in page.text)
        assert [a for a in page.attributes if a[0].startswith("on")] == []


def test_a_row_with_a_script_shows_as_text():
    page = Words(html.render(REPORTS["diagnose_en"], lang="en"))
    assert any("<script>alert('x')</script>" in text for text in page.text)


@SHOWN
def test_no_english_sentence_in_a_chinese_report_and_no_chinese_in_an_english_one(name, lang):
    report = samples.diagnose(lang) if name.startswith("diagnose") else samples.align(lang)
    page = Words(html.render(report, lang=lang))
    aloud = [*page.text, *(value for key, value in page.attributes if key in ("aria-label", "data-name"))]
    if lang == "en":
        assert [text for text in aloud if is_chinese(text)] == ["duiqi 对齐"]
    else:
        spoken = [text for text in aloud if not text.startswith("duiqi ")]
        assert [text for text in spoken if re.search(r"(?:\b[A-Za-z]{2,}\b[ ,]+){3}", text)] == []


@ALL
@EACH
def test_no_line_in_the_terminal_is_wider_than_80_cells(name, lang):
    commands = ("duiqi ",)
    wide = [line for line in typed(REPORTS[name], lang).splitlines() if cell_len(line) > 80]
    assert [line for line in wide if not line.strip().startswith(commands)] == []


def test_the_terminal_shows_few_findings_and_says_how_many_more():
    report = samples.diagnose()
    report["findings"] = [{**report["findings"][1], "severity": float(i)} for i in range(20)]
    shown = typed(report, "en")
    assert shown.count("Blind spot:") == terminal.PROBLEMS_SHOWN
    assert "and 12 more" in shown.replace("\u00a0", " ")


@pytest.mark.parametrize(("lang", "more"), [("en", "and 28 more lines on the page"), ("zh", "其余 28 行见网页报告")])
def test_the_terminal_says_how_many_lines_of_a_table_it_leaves_out(lang, more):
    title, columns = "sources", ["file", "rows", "rows_used"]
    rows = [[f"part{at}.csv", 10, 10] for at in range(40)]
    report = {
        **samples.diagnose(),
        "verb": "prepare",
        "exhibits": [{"form": "table", "data": {"title": title, "columns": columns, "rows": rows}}],
    }
    shown = typed(report, lang)
    assert "part11.csv" in shown
    assert "part12.csv" not in shown
    assert more in shown.replace("\u00a0", " ")


def test_the_page_caps_findings_rows_and_tables():
    report = samples.many_classes(400)
    long = "battery " + "word " * 5000
    evidence = [{"row_id": str(i), "text": long, "label": "a", "answer": "b", "confidence": 0.5} for i in range(200)]
    report["findings"] = [{**report["findings"][1], "evidence": evidence} for _ in range(200)]
    page = html.render(report, lang="en")
    assert len(page.encode()) < 1_000_000
    assert f"and {200 - html.PROBLEMS_SHOWN}\u00a0more" in page
    assert "250\u00a0more lines in report.json" in page  # 400 classes, 150 kept


def test_a_matrix_of_many_classes_becomes_the_most_confused_pairs():
    (_, panel), *_ = [
        each for each in html.panels(html.Outline(samples.many_classes(), lang="en")) if each[0] == "confusion"
    ]
    assert "77 classes" in panel.note.replace("\u00a0", " ")
    first = panel.tables[0].rows[0]
    assert [cell.text for cell in first[2:]] == ["7", "14.9\u00a0%"]  # 7 of 47 rows
    assert first[0].text.endswith("_0")
    assert first[1].text.endswith("_1")


def test_a_small_matrix_stays_a_matrix_and_its_diagonal_is_right():
    (_, panel), *_ = [
        each for each in html.panels(html.Outline(samples.diagnose(), lang="en")) if each[0] == "confusion"
    ]
    cells = [[(cell.text, cell.right) for cell in row[1:]] for row in panel.tables[0].rows]
    assert cells == [[("660", True), ("116", False)], [("97", False), ("1,127", True)]]


def test_without_the_chart_libraries_the_numbers_stand_in_tables(no_charts):
    page = html.render(REPORTS["align_en"], lang="en")
    assert 'class="chart"' not in page
    assert "altair" in page
    panels = dict(html.panels(html.Outline(REPORTS["diagnose_en"], lang="en")))
    assert [cell.text for cell in panels["floors"].tables[0].rows[0]] == ["this model", "89.4\u00a0%"]
    assert [cell.text for cell in panels["reliability"].tables[0].rows[0]] == ["55.0\u00a0%", "51.0\u00a0%"]


@pytest.mark.skipif(not figure.available(), reason="charts need the extra 'report' (altair, vl-convert-python)")
def test_charts_scale_with_the_page_and_speak_the_language():
    for lang, now in (("en", "after"), ("zh", "修复后")):
        page = html.render(samples.align(lang), lang=lang)
        charts = re.findall(r'<svg viewBox="[^"]+" class="chart".*?</svg>', page, re.DOTALL)
        assert len(charts) == 4  # changes, floors, reliability, by group
        assert sum(now in chart for chart in charts) == 3
        assert not any(re.match(r"<svg[^>]*\s(?:width|height)=", chart) for chart in charts)
        assert not any(re.search(r'aria-label="[^"]*(?:axis|legend)', chart) for chart in charts)


def test_markdown_cannot_be_broken_by_the_data():
    text = markdown.safe("a|b\n# <b>@team</b> `x` [l](u)")
    assert text == "a\\|b \\# &lt;b&gt;&#64;team&lt;/b&gt; \\`x\\` \\[l\\](u)"


def test_a_report_without_rows_shows_none():
    report = samples.diagnose()
    for finding in report["findings"]:
        finding["evidence"] = [{"row_id": row["row_id"]} for row in finding["evidence"]]
    page = html.render(report, lang="en")
    assert "The rows are left out of this report." in page
    assert "dead after two days" not in page


def test_a_long_command_can_be_copied():
    command = (
        "duiqi repair duiqi-out/model 'my rows' " + " ".join(f"--group column{i}" for i in range(9)) + " --with augment"
    )
    lines = terminal.typed(command).split("\n")
    assert max(map(len, lines)) < 80
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert shlex.split(terminal.typed(command).replace("\\\n", "")) == shlex.split(command)
    assert terminal.typed("duiqi diagnose a b") == "duiqi diagnose a b"


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(
    "path", ["/home/me/" + "a-long-name/" * 12 + "rows.csv", "/家/" + "很长的名字/" * 9 + "行.csv", "a b"]
)
def test_a_command_on_the_screen_is_the_command_whatever_the_width(width, path):
    """What a user marks with the mouse is what the terminal printed: lines that it broke must not fall apart."""
    report = samples.diagnose()
    report["data"] |= {"path": path, "columns": {"text": "body", "groups": ["shop", "region of the shop"]}}
    shown = typed(report, "en", width).splitlines()
    first = next(at for at, line in enumerate(shown) if line.strip().startswith("duiqi align"))
    last = next(at for at in range(first, len(shown)) if not shown[at].endswith("\\"))
    words = shlex.split("\n".join(shown[first : last + 1]).replace("\\\n", ""))
    assert words[3:] == [path, "--text", "body", "--group", "shop", "--group", "region of the shop"]
    if path == "a b" and width == 80:
        assert max(map(cell_len, shown[first : last + 1])) <= width


@EACH
@pytest.mark.parametrize("width", [70, 80, 140])
def test_the_terminal_lists_the_first_rows_that_a_probe_names(lang, width):
    listed = [[f"row{n}", "一段很长的文字 and a long text " * 9, "good", "bad", 0.9] for n in range(7)]
    columns = ["row", "original", "label", "likely", "probability"]
    data = {"title": "suspects", "columns": columns, "rows": listed, "rows_of_data": True}
    exhibits = [{"probe": "label_noise", "form": "table", "data": data}]
    said = typed({**REPORTS["diagnose_en"], "exhibits": exhibits}, lang, width)
    assert [f"row{n}" in said for n in range(7)] == [True] * 5 + [False] * 2
    assert max(map(cell_len, said.splitlines())) <= width
    assert "row0" not in typed({**REPORTS["diagnose_en"], "exhibits": []}, lang, width)


def test_texts_keep_room_beside_many_columns_in_the_terminal_and_have_the_whole_width_of_the_page():
    report = samples.diagnose()
    text = "the rooms were clean and the staff could not have been kinder to us on any day"
    rows = [["deepwordbug", text, text.replace("clean", "claen"), "positive", "negative"]] * 3
    columns = ["attack", "original", "edited", "label", "answer"]
    data = {"title": "turned", "columns": columns, "rows": rows, "rows_of_data": True}
    cells = ["denied praise", "negation", "MFT", 100, {"value": 0.2, "low": 0.1, "high": 0.3}]
    names = ["functional_test", "capability", "type_of_test", "cases", "failure_rate"]
    tests = {"title": "behaviour", "columns": names, "rows": [cells]}
    report["exhibits"] = [{"probe": "any", "form": "table", "data": each} for each in (data, tests)]
    lines = [line for line in typed(report, "en").splitlines() if "slips in" in line]
    assert lines
    assert all("the rooms were" in line and line.rstrip().endswith("negative") for line in lines)
    assert [panel.wide for _, panel in html.panels(Outline(report, lang="en"))] == [True, True]
