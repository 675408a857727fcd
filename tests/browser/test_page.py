"""The page as its readers use it: sorted, filtered, opened, by mouse and by keyboard, on a phone and on paper."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.browser.conftest import BIBTEX, METHODS, NASTY

WIDTHS = (1280, 390)


def column(made, place: int) -> list[str]:
    """The texts of a column of the first main table, rows in the order shown."""
    rows = made.locator("#main table").first.locator("tbody tr:visible")
    return [row.locator("th, td").nth(place).inner_text() for row in rows.all()]


def numbers(texts: list[str]) -> list[float]:
    return [float(text.split(" ")[0]) for text in texts]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen(opened, width):
    made = opened(width)
    assert made.evaluate("document.documentElement.scrollWidth") <= width
    made.locator("[data-cell=abkd] button").first.click()
    made.locator("dialog svg.chart").scroll_into_view_if_needed()
    assert made.evaluate("document.documentElement.scrollWidth") <= width
    assert made.evaluate("(d => d.scrollWidth <= d.clientWidth)(document.querySelector('dialog'))")


def test_tables_of_ten_columns_fit_a_screen(opened):
    made = opened(1280)
    for table in made.locator("#comparisons .scroll, #costs .scroll, #main .scroll").all():
        assert table.evaluate("frame => frame.scrollWidth <= frame.clientWidth"), table.get_attribute("aria-label")


def test_a_heading_sorts_by_mouse_and_by_keyboard(opened):
    made = opened()
    before = column(made, 1)
    heading = made.locator("#main table").first.locator("th", has_text="40×").first
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert numbers(column(made, 1)) == sorted(numbers(before), reverse=True) != numbers(before)
    heading.locator("button").focus()
    made.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert numbers(column(made, 1)) == sorted(numbers(before))
    made.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert column(made, 1) == before


def test_signs_are_read_as_numbers_and_gaps_come_last(opened):
    made = opened()
    table = made.locator("#comparisons table").nth(2)  # RMSE at 40x, where G-CRD has failed
    table.locator("th", has_text="Difference").locator("button").click()
    texts = [row.locator("td").nth(2).inner_text() for row in table.locator("tbody tr").all()]
    assert set(texts[-2:]) == {"", "—"}, "the reference has no difference to itself, a failed method none at all"
    found = [float(text.replace("−", "-")) for text in texts[:-2]]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0 > found[-1]


def test_names_sort_too(opened):
    made = opened()
    made.locator("#main table").first.locator("th", has_text="Method").locator("button").click()
    titles = [text.split(" (")[0].lower() for text in column(made, 0)]
    assert titles[1:] == sorted(titles[1:]), "behind the hostile one, whose place is the collation's business"


def test_the_filter_leaves_what_was_asked_for(opened):
    made = opened()
    form = made.locator("#filter")
    form.get_by_label("Dataset").select_option("ACE")
    assert made.locator("#main table:visible").count() == 1
    assert made.locator("#comparisons .methods:visible").count() == 2
    assert made.locator("figure:visible").count() == 3, "one of scores, two of differences"
    form.get_by_label("Student").select_option(label="gcn-3x256 → gcn-2x8, 80×")
    assert made.locator("#main thead tr:nth-child(3) th:visible").all_inner_texts() == ["80×"]
    assert made.locator("#verdicts ul.verdicts > li:visible").count() == 1
    form.get_by_label("Group").select_option("Distillation")
    assert [text.split(" ")[0] for text in column(made, 0)[:2]] == ["KD", NASTY.split(" ")[0]]
    form.get_by_label("Method").fill("abk")
    assert column(made, 0) == ["ABKD"]
    assert form.locator("output").inner_text() == "1 of 7 methods, 1 of 4 students"
    form.get_by_label("Method").fill("no such method")
    assert made.locator(".methods:visible").count() == 0
    form.get_by_role("button", name="Show all").click()
    assert made.locator("#main table:visible").count() == 2
    assert len(column(made, 0)) == len(METHODS) + 1


def test_a_cell_opens_by_keyboard_and_holds_its_numbers(opened, study):
    made = opened()
    button = made.locator("[data-cell=abkd] button").first
    button.focus()
    made.keyboard.press("Enter")
    dialog = made.locator("dialog")
    family = study.results.families[0]
    attempts, metric = study.attempts[family], study.metric(family)
    shown = [row.locator("td").all_inner_texts() for row in dialog.locator("table").first.locator("tbody tr").all()]
    own, kd, floor = (attempts[label].scores for label in ("abkd", "kd", "supervised"))
    assert shown == [
        [metric.score(own[seed]), metric.signed(own[seed] - kd[seed]), metric.signed(own[seed] - floor[seed])]
        for seed in range(10)
    ]
    (row,) = (row for row in study.comparisons[family] if row.method == "abkd")
    said = dialog.locator("li").first.inner_text()
    assert said == (
        f"Against KD: {metric.signed(row.difference)} (95 % interval {metric.interval(row.ci_low, row.ci_high)}, "
        f"n = 10): {row.words}."
    )
    assert dialog.locator("tbody th", has_text="Sign flips").count() == 2
    assert dialog.locator("svg.chart g title").all_text_contents() == ["ABKD", "KD", "Supervised"]
    made.keyboard.press("Escape")
    assert dialog.count() == 0
    assert button.evaluate("each => each === document.activeElement"), "back where the reader was"


def test_hostile_names_are_text(opened):
    made = opened()
    assert made.title() == NASTY
    made.locator("#main table").nth(1).locator("[data-cell=gcrd] button").first.click()
    text = made.locator("dialog").text_content()
    assert "diverged 2/10" in text
    assert text.count("<img src=x onerror='window.broken = 1'>") > 2
    assert made.locator("dialog img").count() == 0


def test_tables_are_copied_as_they_stand_in_their_files(opened, latex):
    made = opened(permissions=["clipboard-read", "clipboard-write"])
    made.locator("#main .methods + .tools").first.get_by_text("Copy LaTeX").click()
    made.get_by_text("Copied").wait_for()
    copied = made.evaluate("navigator.clipboard.readText()")
    assert copied == latex["ace-sim-1"]
    made.locator("#comparisons .tools").first.get_by_text("Copy BibTeX").click()
    made.locator("#comparisons .tools").first.get_by_text("Copied").wait_for()
    assert made.evaluate("navigator.clipboard.readText()") == BIBTEX
    paper = made.locator("#main p[data-latex] + .tools")
    paper.get_by_text("Copy LaTeX").click()
    paper.get_by_text("Copied").wait_for()
    wanted = [source for label, source in latex.items() if label.startswith("paper-")]
    assert made.evaluate("navigator.clipboard.readText()") == "\n\n".join(wanted)


def test_figures_are_shown_large_and_saved(opened, html):
    made = opened()
    figure = made.locator("figure[id^=figure-differences]").first
    name = figure.get_attribute("id").removeprefix("figure-")
    figure.get_by_text("Enlarge").click()
    assert made.locator("dialog.large img").evaluate("image => image.naturalWidth") > 100
    made.locator("dialog").get_by_role("button", name="Close").click()
    with made.expect_download() as vector:
        figure.get_by_role("button", name="SVG").click()
    assert vector.value.suggested_filename == f"{name}.svg"
    saved, written = (
        [text.text for text in ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")]
        for path in (vector.value.path(), html.parent / "figures" / f"{name}.svg")
    )
    assert saved == written
    assert "STRIDE" in saved
    with made.expect_download() as pixels:
        figure.get_by_role("button", name="PNG").click()
    assert pixels.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_reader_chooses_the_lines_of_the_chart(opened):
    made = opened()
    figure = made.locator("figure[id^=figure-scores]").first
    drawn = figure.locator("svg.chart g title")
    assert not figure.locator("img").is_visible(), "the chart stands in for it on screen"
    assert set(drawn.all_text_contents()) == {"Supervised", "KD", "ABKD", "STRIDE"}
    figure.get_by_text("None", exact=True).click()
    assert figure.get_by_text("No method is chosen.").is_visible()
    figure.get_by_label("KD + G-CRD", exact=True).check()
    assert drawn.all_text_contents() == ["KD + G-CRD"]
    figure.get_by_text("All", exact=True).click()
    assert drawn.count() == len(METHODS)
    figure.locator("select").select_option(label="Accuracy, %")
    assert figure.locator("svg.chart").get_attribute("aria-label").startswith("Accuracy, % against compression")


def test_on_paper_everything_is_there_and_no_button(opened):
    made = opened()
    made.emulate_media(media="print")
    for name in ("#filter", ".tools", ".choice", "nav"):
        assert made.locator(f"{name}:visible").count() == 0
    assert made.locator("figure img:visible").count() == made.locator("figure img").count() > 3
    assert made.locator("#main table:visible").count() == 2
    assert made.locator("#provenance details pre").evaluate("each => each.getBoundingClientRect().height") > 20
    assert made.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_a_script_the_page_is_whole(opened):
    made = opened(java_script_enabled=False)
    assert made.locator("#main table:visible").count() == 2
    assert made.locator("figure img:visible").count() == made.locator("figure img").count() > 3
    assert made.locator("button, #filter").count() == 0
    assert made.get_by_text("Does anything beat no teacher?").is_visible()


def test_the_dark_scheme_is_dark_and_readable(opened):
    made = opened(color_scheme="dark")
    ink, paper = made.evaluate("(s => [s.color, s.backgroundColor])(getComputedStyle(document.body))")
    bright, dark = (sum(map(int, colour[4:-1].split(","))) for colour in (ink, paper))
    assert bright > 600
    assert dark < 150
