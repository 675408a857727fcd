"""The figure of trials, held against numbers made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from reports.figures import trials
from reports.figures.trials import Panel
from reports.settings import Settings
from tests.reports.samples import BASE, cell, findings, frame, of_runs, settings
from tests.reports.test_tuned import WIDE, choice

FLOOR = (0.60, 0.62, 0.58)
NAMES = ("supervised", "kd", "kd-tuned", "kd+abkd", "kd+abkd-tuned")
ROWS = [cell(BASE, method=name) for name in NAMES]


def scores(*gains: float, wobble: float = 0.0) -> tuple[tuple[float, ...], ...]:
    """Of three seeds, each trial so much above the floor of its seed."""
    return tuple(tuple(own + gain + by for own, by in zip(FLOOR, (-wobble, 0, wobble), strict=True)) for gain in gains)


def tried(method: str = "kd", **changes: Any) -> dict[str, Any]:
    return choice(
        method,
        **{
            "tried": [{"beta": value} for value in (1.0, 0.1, 10.0, 100.0)],
            "scores": {WIDE: scores(0.02, 0.01, 0.03, -0.01, wobble=0.01)},
            "base": "supervised",
            "base_scores": {WIDE: FLOOR},
            "chosen": 2,
            **changes,
        },
    )


def drawn(*choices: dict[str, Any], metric: str = "accuracy") -> list[Panel]:
    rows = [[{**row, "metric": metric} for row in part] for part in ROWS]
    found = findings(*rows, methods=NAMES, tuning=list(choices))
    return list(trials.panels(found, found.results.families[0]))


def test_gains_are_paired_and_stand_by_what_was_tried():
    (panel,) = drawn(tried())
    assert panel.values.tolist() == [0.1, 1, 10, 100]
    assert panel.trials.tolist() == [1, 0, 2, 3]
    assert panel.gains == pytest.approx([1, 2, 3, -1])
    half = t.ppf(0.975, 2) * np.std([-1, 0, 1], ddof=1) / np.sqrt(3)
    assert panel.high - panel.gains == pytest.approx(half)
    assert panel.gains - panel.low == pytest.approx(half)
    assert panel.joined.all()
    assert (panel.title, panel.name, panel.chosen) == ("KD", "beta", 2)


def test_an_error_that_falls_is_a_gain():
    (panel,) = drawn(tried(), metric="rmse")
    assert panel.gains == pytest.approx([-0.01, -0.02, -0.03, 0.01])


def test_a_composition_adds_to_its_first_parts_and_its_default_is_not_joined():
    first = scores(0.02)[0]
    values = [{"kd.alpha": 0.9, "abkd.beta": 10.0}]
    values += [{"kd.alpha": 0.3, "abkd.beta": value} for value in (10.0, 0.1, 1.0, 100.0)]
    own = tried(
        "kd+abkd", tried=values, base="kd", base_scores={WIDE: first}, scores={WIDE: scores(0, 0.01, 0.03, 0.02, -0.08)}
    )
    panels = {panel.name: panel for panel in drawn(own)}
    assert set(panels) == {"abkd.beta"}, "two values of alpha show nothing"
    panel = panels["abkd.beta"]
    assert panel.title == "kd+abkd\nover KD alone"
    assert panel.gains[panel.trials == 2] == pytest.approx([1])
    assert panel.gains[panel.trials == 0] == pytest.approx([-2])
    assert panel.joined.tolist() == (panel.trials > 0).tolist()


def test_trials_that_differ_in_more_are_not_joined():
    values = [{"beta": float(one), "tau": 0.05 * (one % 2 + 1)} for one in range(1, 5)]
    (panel,) = drawn(tried(tried=values))
    assert not panel.joined.any()


@pytest.mark.parametrize("missing", ["a score", "a number"])
def test_a_trial_without_a_score_or_a_number_is_left_out(missing):
    own = tried()
    values = [*own["tried"], {"beta": 5.0 if missing == "a score" else None}]
    lost = (None, 0.6, 0.6) if missing == "a score" else FLOOR
    (panel,) = drawn(tried(tried=values, scores={WIDE: (*own["scores"][WIDE], lost)}, chosen=4))
    assert panel.trials.tolist() == [1, 0, 2, 3]
    assert panel.title == f"KD\nchosen: {values[4]['beta']}", "what stands nowhere is named"


@pytest.mark.parametrize(
    "changes",
    [
        {"tried": [], "scores": {}},
        {"base": "", "base_scores": {}},
        {"base_scores": {WIDE: (0.6, None, 0.6)}},
        {"scores": {}},
        {"tried": [{"beta": value} for value in (1.0, 0.1, 1.0, 0.1)]},
    ],
    ids=["earlier versions", "no floor", "a floor that failed", "another width", "too few numbers"],
)
def test_nothing_is_drawn_of_what_is_not_known(changes, tmp_path: Path):
    found = findings(*ROWS, methods=NAMES, tuning=[tried(**changes)])
    assert trials.draw(found, tmp_path) == []


def test_it_is_drawn_and_says_what_it_leaves_out(tmp_path: Path):
    values = [{"beta": value} for value in (0.1, 1.0, 3.0, 10.0, 30.0, 100.0)]
    far = tried(tried=values, scores={WIDE: scores(0.01, 0.02, 0.02, 0.01, 0.03, -0.5)})
    near = tried(tried=values, scores={WIDE: scores(0.01, 0.02, 0.02, 0.01, 0.03, 0.02)})
    for own, cut in ((far, True), (near, False)):
        (drawing,) = trials.draw(findings(*ROWS, methods=NAMES, tuning=[own]), tmp_path)
        assert (trials.CUT in drawing.caption) == cut
        assert {file.suffix for file in tmp_path.glob(f"{drawing.slug}.*")} == {".svg", ".pdf", ".png"}
        assert "of 1 methods" in drawing.alt


def test_a_method_that_the_run_has_at_tuned_values_alone_keeps_its_title():
    names = {"supervised": {"title": "Supervised"}, "kd-tuned": {"title": "KD (tuned)"}}
    rows = frame(*(cell(BASE, method=name) for name in names))
    found = of_runs(rows, Settings.parse({**settings(), "methods": names, "tuning": [tried()]}))
    assert [panel.title for panel in trials.panels(found, found.results.families[0])] == ["KD"]


def test_wide_intervals_push_no_means_together():
    wide = tried(scores={WIDE: scores(0.02, 0.01, 0.03, 0.015, wobble=0.2)})
    (panel,) = drawn(wide)
    low, high = trials._limits(panel, np.full(4, True))
    assert panel.low.min() < -40 and high < 7 and low > -4
