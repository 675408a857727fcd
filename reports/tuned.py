"""Every tuned method beside itself at its defaults, and how flat its choice was."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from reports import comparisons, printing, statistics
from reports.attempts import TESTED, Verdict
from reports.comparisons import Comparison
from reports.findings import FamilyTable, Findings
from reports.main_table import needs_seeds
from reports.metrics import Metric
from reports.printing import ABSENT
from reports.results import Family, architecture
from reports.rows import FAMILY
from reports.settings import Settings, Tuning

HEADINGS = (
    "Method",
    "n",
    "Default",
    "Tuned",
    "Difference",
    "Interval",
    "p (Holm)",
    "Verdict",
    "Chosen",
    "Valid: chosen",
    "Default",
    "Second",
    "Spread",
    "Over floor",
    "Border",
)
FOR_PAPER = ("Method", "Default", "Tuned", "Difference", "p (Holm)", "Chosen")
"""What the width of a page of paper has room for; of the two columns of defaults the first, on test."""


def legend(settings: Settings) -> str:
    """How to read the tables."""
    return (
        "Test scores of each method at its defaults and at the values chosen by validation scores on other "
        "seeds; the difference is tuned - default on the same seeds, positive is better. Paired t, Holm over the tuned "
        f"methods of the table (another family than that of the comparisons with "
        f"{settings.method_title(settings.reference)}), level {settings.alpha:g}. Behind it what the choice rested on, "
        "all on validation and of this student: the mean scores of the chosen trial, of the default and of the second "
        "best by rank (over all widths of the student, which share a choice), the spread (best - worst trial), the "
        "chosen trial's gain over the floor on the same seeds, and the values at the border of what was tried, beyond "
        "which better ones may lie. A spread as small as the scores' noise means that "
        "any of these values would have done."
    )


@dataclass(frozen=True)
class Row:
    """One tuned method of a family.

    Attributes:
        comparison: of the tuned method with itself at its defaults; `p_holm` is over the tuned methods of the family.
        default_mean, default_std: test scores at the defaults, NaN where a training failed.
        default_failed: what became of them then, in words.
        chosen, default, second, spread, gain: validation scores as stored, NaN where there is none; spread and gain
            are turned so that more is better.
    """

    tuning: Tuning
    comparison: Comparison
    default_mean: float
    default_std: float
    default_failed: str
    chosen: float
    default: float
    second: float
    spread: float
    gain: float


def choices(settings: Settings, family: Family) -> dict[str, Tuning]:
    """Label of a tuned method -> the choice that it rests on in a family."""
    place = family.dataset, family.teacher, architecture(family.student)
    return {t.tuned: t for t in settings.tuning if (t.dataset, t.teacher, t.student) == place}


def rows(findings: Findings, family: Family) -> list[Row]:
    """The tuned methods of a family in display order."""
    settings, found = findings.settings, findings.attempts[family]
    of_family = choices(settings, family)
    sign, made = findings.metric(family).sign, []
    for label in found:
        tuning = of_family.get(label)
        if tuning is None or tuning.method not in found:
            continue
        pair = {name: found[name] for name in (tuning.method, label)}
        against = settings.model_copy(update={"reference": tuning.method})
        default, own = comparisons.compare(pair, sign, against)
        failed = found[tuning.method].words
        made.append(Row(tuning, own, default.mean, default.std, failed, *_validation(tuning, family.sized, sign)))
    # As everywhere, a method that does not apply was never a hypothesis.
    members = {
        row.tuning.tuned: row.comparison.p
        for row in made
        if not found[row.tuning.method].skipped and not found[row.tuning.tuned].skipped
    }
    adjusted = dict(zip(members, statistics.holm(list(members.values())), strict=True))
    return [
        replace(row, comparison=_judged(row.comparison, float(adjusted.get(row.tuning.tuned, np.nan)), settings))
        for row in made
    ]


def _judged(comparison: Comparison, p_holm: float, settings: Settings) -> Comparison:
    """A comparison by a p-value over more hypotheses than its own."""
    verdict = comparison.verdict
    if verdict in TESTED and p_holm > settings.alpha:
        verdict = Verdict.NOT_SIGNIFICANT
    return replace(comparison, p_holm=p_holm, verdict=verdict)


def _validation(tuning: Tuning, student: str, sign: int) -> tuple[float, float, float, float, float]:
    """A student's validation scores: of the chosen trial, the default, the second best; spread; gain over the floor."""
    # A width that the run has and the tuning had not has none.
    known = tuning.valid.get(student, (None,) * len(tuning.ranks))
    valid = np.array([np.nan if score is None else score for score in known], float)
    ranks = np.array([np.nan if rank is None else rank for rank in tuning.ranks], float)
    ranks[tuning.chosen] = np.nan
    second = np.nan if np.isnan(ranks).all() else float(valid[np.nanargmin(ranks)])
    spread = np.nan if np.isnan(valid).all() else float(np.nanmax(valid) - np.nanmin(valid))
    chosen = float(valid[tuning.chosen])
    floor = tuning.floor.get(student)
    gain = np.nan if floor is None else sign * (chosen - floor)
    return chosen, float(valid[0]), second, spread, gain


def frame(findings: Findings) -> pd.DataFrame:
    """One row per family and tuned method, numbers as stored."""
    found = []
    for family in findings.results.families:
        for row in rows(findings, family):
            own = row.comparison
            found.append(
                {
                    **family._asdict(),
                    "method": row.tuning.method,
                    "values": row.tuning.values,
                    "trials": len(row.tuning.ranks),
                    "chosen_trial": row.tuning.chosen,
                    "n": own.n,
                    "default_mean": row.default_mean,
                    "default_std": row.default_std,
                    "tuned_mean": own.mean,
                    "tuned_std": own.std,
                    "difference": own.difference,
                    "ci_low": own.ci_low,
                    "ci_high": own.ci_high,
                    "p": own.p,
                    "p_holm": own.p_holm,
                    "verdict": own.words,
                    "valid_chosen": row.chosen,
                    "valid_default": row.default,
                    "valid_second": row.second,
                    "valid_spread": row.spread,
                    "valid_over_floor": row.gain,
                    "border": ", ".join(row.tuning.borders),
                }
            )
    return pd.DataFrame(found, columns=None if found else [*FAMILY, "method"])


def tables(findings: Findings) -> list[FamilyTable]:
    """One table per family with tuned methods."""
    found = []
    for family in findings.results.families:
        metric = findings.metric(family)
        printed = [_printed(row, metric, findings.settings) for row in rows(findings, family)]
        if printed:
            found.append(FamilyTable(family, f"{findings.title(family)}: {metric.title}", list(HEADINGS), printed))
    return found


def _printed(row: Row, metric: Metric, settings: Settings) -> list[str]:
    own, tuning = row.comparison, row.tuning
    values = tuning.values if tuning.chosen else f"the default: {tuning.values}"
    few = own.verdict == Verdict.TOO_FEW_SEEDS
    return [
        settings.method_title(tuning.method),
        str(own.n),
        row.default_failed or metric.spread(row.default_mean, row.default_std),
        metric.spread(own.mean, own.std),
        metric.signed(own.difference),
        metric.interval(own.ci_low, own.ci_high),
        needs_seeds(settings) if few else printing.p_value(own.p_holm, settings.alpha),
        own.words,
        f"{values} ({len(tuning.ranks)} trials)",
        metric.score(row.chosen),
        metric.score(row.default),
        metric.score(row.second),
        metric.score(row.spread),
        metric.signed(row.gain),
        ", ".join(tuning.borders) or ABSENT,
    ]
