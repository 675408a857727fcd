"""`comparisons.csv`: every method of a family against the reference, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from reports import statistics
from reports.attempts import Attempts, Verdict, hypotheses, pairs, tested
from reports.results import Family
from reports.rows import FAMILY
from reports.settings import Settings

UNPAIRED = "unpaired, Welch's test"
"""The reason of a verdict on methods whose seeds are not the same."""
UNTESTED = statistics.Paired(0, np.nan, np.nan, np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Comparison:
    """One method of a family against the reference. Numbers are NaN where there are none.

    Attributes:
        n: seeds that both have, of the reference its own.
        mean, std: of the method's scores as stored, over all of its seeds.
        difference, ci_low, ci_high: mean paired difference with its interval, turned so that POSITIVE IS BETTER.
        p, p_holm: of the paired t-test, raw and after Holm's correction over the family; of Welch's where seeds are not
            paired, as the reason then says.
        wilcoxon_p: of Wilcoxon's signed-rank test, of paired seeds alone.
        probability_of_improvement, gap_closed, gap_low, gap_high: see `reports.statistics`.
        verdict, reason: what is said of it; the reason is "" where the word says all.
    """

    method: str
    reference: str
    n: int
    mean: float
    std: float
    difference: float
    ci_low: float
    ci_high: float
    p: float
    p_holm: float
    wilcoxon_p: float
    probability_of_improvement: float
    gap_closed: float
    verdict: Verdict
    reason: str
    gap_low: float
    gap_high: float

    @property
    def words(self) -> str:
        """The verdict with its reason, as comparisons.csv holds it."""
        return self.verdict.because(self.reason)


COLUMNS = [*FAMILY, *(field.name for field in fields(Comparison) if field.name != "reason")]
"""Columns of comparisons.csv: new ones stand last."""


def frame(compared: Mapping[Family, list[Comparison]]) -> pd.DataFrame:
    """[rows, COLUMNS]: the table that comparisons.csv holds, families and methods in display order."""
    rows = [
        {**family._asdict(), **asdict(row), "verdict": row.words} for family, rows in compared.items() for row in rows
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def compare(found: Mapping[str, Attempts], sign: int, settings: Settings) -> list[Comparison]:
    """One family's methods in display order, the teacher left out.

    p-values are NaN below `minimum_seeds` pairs. A method with any failed or missing training has no numbers but `n`,
    and no better/worse verdict: the seeds that survived are not a fair sample of those that were asked for. Where the
    reference is such a method, nothing is compared with it.

    Args:
        found: label -> attempts, see `reports.attempts.of_family`.
        sign: of the dataset's metric.
    """
    tests = _tests(found, sign, settings)
    return [_comparison(label, found, tests, sign, settings) for label in found if label != settings.ceiling]


def _tests(found: Mapping[str, Attempts], sign: int, settings: Settings) -> dict[str, tuple[statistics.Paired, float]]:
    """Label -> (paired t against the reference, Holm-adjusted p) for every other student of a family.

    p is NaN below `minimum_seeds` pairs, and where a training has failed or is missing: what survives is no fair
    sample. Members of the Holm family are all methods that apply, those too (see `statistics.holm`); skipped ones were
    never a hypothesis.
    """
    if settings.reference not in found:
        return {}
    reference = found[settings.reference]
    tests = {label: tested(found[label], reference, sign, settings.alpha) for label in hypotheses(found, settings)}
    raw = [
        test.p if test.n >= settings.minimum_seeds and found[label].complete else np.nan
        for label, test in tests.items()
    ]
    return {label: (test, float(p)) for (label, test), p in zip(tests.items(), statistics.holm(raw), strict=True)}


def _comparison(
    label: str,
    found: Mapping[str, Attempts],
    tests: Mapping[str, tuple[statistics.Paired, float]],
    sign: int,
    settings: Settings,
) -> Comparison:
    own, reference = found[label], found.get(settings.reference)
    paired, p_holm = tests.get(label, (UNTESTED, np.nan))
    n = len(own.scores) if label == settings.reference else paired.n
    improvement = wilcoxon = np.nan
    if label in tests and own.complete and reference is not None and reference.complete:
        improvement = statistics.probability_of_improvement(sign * own.values(), sign * reference.values())
    else:
        paired, p_holm = UNTESTED, np.nan
    enough = paired.n >= settings.minimum_seeds
    if enough and reference is not None and own.paired and reference.paired:
        wilcoxon = statistics.wilcoxon(*pairs(own, reference, sign))
    mean, std = statistics.mean_and_std(own.values()) if own.complete else (np.nan, np.nan)
    verdict, reason = _verdict(label, own, reference, paired, p_holm, settings)
    gap = _gap_closed(own, found, sign, settings)
    return Comparison(
        method=label,
        reference=settings.reference,
        n=n,
        mean=mean,
        std=std,
        difference=paired.difference,
        ci_low=paired.low,
        ci_high=paired.high,
        p=paired.p if enough else np.nan,
        p_holm=p_holm,
        wilcoxon_p=wilcoxon,
        probability_of_improvement=improvement,
        gap_closed=gap.value,
        gap_low=gap.low,
        gap_high=gap.high,
        verdict=verdict,
        reason=reason,
    )


def _verdict(
    label: str,
    own: Attempts,
    reference: Attempts | None,
    paired: statistics.Paired,
    p_holm: float,
    settings: Settings,
) -> tuple[Verdict, str]:
    """What is said of a method, and why where the word does not say it."""
    if own.trouble:
        return own.trouble
    if label == settings.reference:
        return Verdict.REFERENCE, ""
    if reference is None or reference.trouble:
        return Verdict.NO_VERDICT, _without_reference(reference, settings)
    if paired.n < settings.minimum_seeds:
        return Verdict.TOO_FEW_SEEDS, ""
    how = "" if reference is None or (own.paired and reference.paired) else UNPAIRED
    if p_holm > settings.alpha:
        return Verdict.NOT_SIGNIFICANT, how
    return Verdict.BETTER if paired.difference > 0 else Verdict.WORSE, how


def _without_reference(reference: Attempts | None, settings: Settings) -> str:
    """Why nothing can be compared with the reference."""
    named = f"the reference {settings.method_title(settings.reference)}"
    if reference is None or not reference.trouble:
        return f"{named} was not run"
    verdict, reason = reference.trouble
    return f"{named} {verdict.clause}: {reason}"


def _gap_closed(own: Attempts, found: Mapping[str, Attempts], sign: int, settings: Settings) -> statistics.Share:
    floor, ceiling = found.get(settings.floor), found.get(settings.ceiling)
    if floor is None or ceiling is None or not (own.complete and floor.complete and ceiling.complete):
        return statistics.UNKNOWN
    seeds = sorted(set(floor.scores) & set(ceiling.scores) & set((own if own.paired else floor).scores))
    low, high = (sign * np.array([each.scores[seed] for seed in seeds]) for each in (floor, ceiling))
    if own.paired:
        method = sign * np.array([own.scores[seed] for seed in seeds])
        return statistics.gap_closed(method, low, high, settings.alpha)
    of_means = statistics.gap_closed(np.full(len(low), sign * own.values().mean()), low, high, settings.alpha)
    return of_means._replace(low=np.nan, high=np.nan)
