"""One page of a small study with hostile names, and a headless Chromium to open it in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from reports import copies, page, tables
from reports.figures import Section, differences, scores
from reports.findings import Findings
from reports.results import load
from reports.settings import Settings
from tests.reports import samples

METHODS = ("supervised", "kd", "gcrd", "kd+gcrd", "abkd", "stride")
NASTY = "</script><!--<script>window.broken = 1</script>\u2028<img src=x onerror='window.broken = 1'> & \"q\" 'a'"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BIBTEX = "@article{joshi2022, title = {On {GNN} distillation}}"


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Findings:
    """Two datasets, one of errors, two students each; a cell of G-CRD has failed, and its names are no markup."""
    runs = samples.study({"ace-sim": "accuracy", "esol": "rmse"}, METHODS, ratios=(40.0, 80.0))
    bad = (runs["method"] == "gcrd") & (runs["dataset"] == "esol") & (runs["ratio_target"] == 40.0) & (runs["seed"] < 2)
    runs.loc[bad, ["status", "reason"]] = ["diverged", NASTY]
    runs.loc[bad, ["train", "valid", "test"]] = np.nan
    settings = samples.settings(METHODS, title=NASTY, datasets={"ace-sim": "ACE", "esol": NASTY})
    settings["methods"]["gcrd"]["title"] = NASTY
    for label, facts in settings["methods"].items():
        facts["bibtex"] = [BIBTEX]
        facts["group"] = {"supervised": "Supervised", "kd+gcrd": "KD + distillation"}.get(label, "Distillation")
    chosen = Settings.parse(settings)
    return Findings.of(load(samples.save(tmp_path_factory.mktemp("study"), runs), chosen), chosen)


@pytest.fixture(scope="session")
def latex(study, tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tables")
    tables.write(folder, study)
    return copies.environments(folder)


@pytest.fixture(scope="session")
def html(study, latex, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    drawn = [
        Section(each.KIND, each.TITLE, each.ORDER, False, each.draw(study, folder / "figures"))
        for each in (scores, differences)
    ]
    path = folder / "index.html"
    path.write_text(page.render(study, drawn, latex), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A headless browser; without one these tests are skipped with what to install."""
    driver = pytest.importorskip("playwright.sync_api", reason="the page is not tested in a browser: no playwright")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("the page is NOT TESTED in a browser: no Chromium (apt-get install chromium fonts-dejavu-core)")
    with driver.sync_playwright() as play:
        # Root has no sandbox to go into, as in containers.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = play.chromium.launch(executable_path=found, args=options)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, html) -> Iterator[Callable]:
    """Opens the page at a width; at the end nothing may have gone wrong, and nothing been asked of a network."""
    contexts, troubles, asked = [], [], []

    def start(width: int = 1280, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, accept_downloads=True, **options)
        contexts.append(context)
        made = context.new_page()
        made.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        made.on("pageerror", lambda error: troubles.append(str(error)))
        made.on("request", lambda request: asked.append(request.url))
        made.goto(html.as_uri())
        return made

    yield start
    broken = [page.evaluate("window.broken") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert not troubles
    assert {address.partition(":")[0] for address in asked} <= {"file", "data", "blob"}
    assert not any(broken), "a name of the results ran as a script"
