"""Comparison across datasets: ranks on seed means, and whether there are enough datasets for a test.

One row per dataset, never one per dataset x seed: seeds of one dataset are not independent datasets, and treating them
so makes Friedman's test reject without a cause.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from reports import statistics
from reports.metrics import metric
from reports.rows import FAMILY
from reports.settings import Settings
from reports.variants import graph_of

MINIMUM_DATASETS = 5
"""Below five blocks Friedman's chi-square approximation is not trustworthy whatever the number of methods."""

LEAST_METHODS = 3
"""Of Friedman's test."""

MAXIMUM_SHARE = 0.5
"""Largest critical difference, as a share of the possible rank range k - 1, that can still separate two groups."""


@dataclass(frozen=True)
class Ranking:
    """The methods across datasets.

    Attributes:
        ranks: mean rank of each method over datasets, 1 the best; empty where nothing could be ranked.
        datasets: number of datasets that carry the ranks.
        dropped: methods left out because a dataset lacks a complete set of trainings of theirs.
        critical_difference: Nemenyi's, in ranks; NaN below two methods.
        enough: whether the datasets can carry a test (the rule is `carries`), and every mean has the seeds for one.
        friedman_p: NaN unless `enough`.
        nemenyi: [k, k] p-values; empty unless `enough`.
        needed: datasets that Nemenyi's test takes for so many methods; None where no number does.
        wilcoxon: [k, k] p-values of Wilcoxon's signed-rank test of every pair, Holm over all pairs; empty unless there
            are `wilcoxon_needed` datasets with the seeds for a test and of one unit.
        wilcoxon_needed: datasets that this takes for so many methods.
        one_unit: whether the differences of all datasets can be ranked together.
        seeded: whether every mean rests on the seeds that a test takes.
    """

    ranks: pd.Series
    datasets: int
    dropped: list[str]
    critical_difference: float
    enough: bool
    friedman_p: float
    nemenyi: pd.DataFrame
    needed: int | None
    wilcoxon: pd.DataFrame
    wilcoxon_needed: int
    one_unit: bool
    seeded: bool


MOST_DATASETS = 1000


def datasets_needed(methods: int, alpha: float = 0.05) -> int | None:
    """The fewest datasets that `carries` admits for so many methods; None where no number up to MOST_DATASETS does."""
    return next((n for n in range(MINIMUM_DATASETS, MOST_DATASETS) if carries(methods, n, alpha)), None)


def wilcoxon_needed(methods: int, alpha: float = 0.05) -> int:
    """The fewest datasets on which Wilcoxon's test with Holm over all pairs of methods can find anything.

    Its smallest p-value is 2 / 2^N, and the first step of Holm's correction multiplies it by the number of pairs.
    """
    pairs = methods * (methods - 1) / 2
    return max(MINIMUM_DATASETS, math.ceil(math.log2(2 * max(pairs, 1) / alpha)))


def pairwise_wilcoxon(means: pd.DataFrame) -> pd.DataFrame:
    """[k, k] Holm-adjusted p-values of every pair of columns over the rows; 1 on the diagonal.

    Demsar 2006, section 3.1.3; Benavoli, Corani and Mangili, JMLR 2016, for Wilcoxon in place of mean ranks, whose
    verdict on two methods hangs on the others.

    Args:
        means: [datasets, k], larger is better.
    """
    pairs = list(combinations(means.columns, 2))
    raw = [statistics.wilcoxon(means[a].to_numpy(), means[b].to_numpy()) for a, b in pairs]
    found = pd.DataFrame(1.0, means.columns, means.columns)
    for (a, b), p in zip(pairs, statistics.holm(raw), strict=True):
        found.loc[a, b] = found.loc[b, a] = p
    return found


def friedman(ranks: pd.DataFrame) -> float:
    """Friedman's p-value over the rows of [datasets, k] ranks; 1 where all are tied everywhere."""
    if (ranks.nunique(axis=1) == 1).all():
        return 1.0
    return float(stats.friedmanchisquare(*(ranks[label] for label in ranks)).pvalue)


def critical_difference(methods: int, datasets: int, alpha: float = 0.05) -> float:
    """Nemenyi's q_alpha sqrt(k (k + 1) / (6 N)), q from the studentised range over sqrt 2 (Demsar 2006)."""
    quantile = float(stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * datasets)))


def carries(methods: int, datasets: int, alpha: float = 0.05) -> bool:
    """Whether so many datasets can separate so many methods.

    At least five datasets and three methods, and a critical difference below half of the possible range of mean
    ranks, k - 1: otherwise even a method that is near the top everywhere is not separable from one near the bottom.
    With 8 methods on 5 datasets the critical difference is 4.7 of 7 possible ranks: not enough.
    """
    if datasets < MINIMUM_DATASETS or methods < LEAST_METHODS:
        return False
    return critical_difference(methods, datasets, alpha) < MAXIMUM_SHARE * (methods - 1)


def rank(runs: pd.DataFrame, settings: Settings) -> Ranking:
    """Ranks the methods (teacher left out) on the seed means of each family, averaged within a dataset.

    A dataset with several variants, teachers, students or ratios still counts once. A method takes part only if each
    of its families on every dataset has a score for every attempted training.
    """
    students = runs[runs["method"] != settings.ceiling]
    complete = students.groupby([*FAMILY, "metric", "method"], dropna=False).agg(
        mean=("test", "mean"), whole=("usable", "all")
    )
    complete["mean"] *= [metric(name).sign for name in complete.index.get_level_values("metric")]
    wide = complete["mean"].where(complete["whole"]).unstack("method")
    labels = [label for label in settings.method_order(wide.columns) if label != settings.ceiling]
    kept = [label for label in labels if wide[label].notna().all()]
    dropped = [label for label in labels if label not in kept]
    datasets = wide.index.get_level_values("dataset").map(graph_of)
    blocks = wide[kept].rank(axis=1, ascending=False).groupby(datasets).mean().rank(axis=1)
    one_unit = len({metric(name).unit for name in wide.index.get_level_values("metric")}) == 1
    k, n = len(kept), len(blocks)
    seeds = students[students["method"].isin(kept)].groupby([*FAMILY, "method"], dropna=False)["seed"].nunique()
    limit = critical_difference(k, n, settings.alpha) if k > 1 and n else np.nan
    means = blocks.mean() if n else pd.Series(dtype=float)
    seeded = k > 0 and seeds.min() >= settings.minimum_seeds
    enough = seeded and carries(k, n, settings.alpha)
    nemenyi = wilcoxon = pd.DataFrame()
    if enough:
        import scikit_posthocs  # half a second, which few runs need

        nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(blocks.to_numpy())
        nemenyi.index = nemenyi.columns = pd.Index(kept)
    needed = wilcoxon_needed(k, settings.alpha)
    if seeded and one_unit and k > 1 and n >= needed:
        wilcoxon = pairwise_wilcoxon(wide[kept].groupby(datasets).mean())
    return Ranking(
        ranks=means,
        datasets=n,
        dropped=dropped,
        critical_difference=limit,
        enough=enough,
        friedman_p=friedman(blocks) if enough else np.nan,
        nemenyi=nemenyi,
        needed=datasets_needed(k, settings.alpha),
        wilcoxon=wilcoxon,
        wilcoxon_needed=needed,
        one_unit=one_unit,
        seeded=seeded,
    )


def told(ranking: Ranking, settings: Settings) -> list[str]:
    """What the tests across datasets say, or why there is none: seeds, methods or datasets that are missing."""
    count = len(ranking.ranks)
    if not count:
        return ["No test across datasets: no method can be ranked."]
    if not ranking.seeded:
        return [f"No test across datasets: some mean rests on fewer than {settings.minimum_seeds} seeds."]
    return [_friedman_told(ranking, count), _wilcoxon_told(ranking, count, settings)]


def _friedman_told(ranking: Ranking, count: int) -> str:
    if ranking.enough:
        return (
            f"Friedman's test over {ranking.datasets} datasets and {count} methods: p = {ranking.friedman_p:.3g}. "
            f"Nemenyi's critical difference: {ranking.critical_difference:.2f} ranks."
        )
    if count < LEAST_METHODS:
        return f"No Friedman test across datasets: it takes {LEAST_METHODS} methods, and {count} can be ranked."
    limit = ""
    if ranking.datasets > 1 and math.isfinite(ranking.critical_difference):
        limit = (
            f", where Nemenyi's critical difference would be {ranking.critical_difference:.1f} of {count - 1} possible "
            "ranks"
        )
    needed = f": {ranking.needed} datasets for so many methods" if ranking.needed else ""
    return (
        f"Not enough datasets for a test across datasets: {ranking.datasets} with {count} methods{limit}. It takes at "
        f"least {MINIMUM_DATASETS}, and a critical difference below {100 * MAXIMUM_SHARE:.0f} % of the range{needed}."
    )


def _wilcoxon_told(ranking: Ranking, count: int, settings: Settings) -> str:
    if not ranking.wilcoxon.empty:
        return (
            "Wilcoxon's signed-rank test of every pair on the datasets' means, Holm over all pairs: the diagram joins "
            "what it does not separate."
        )
    if not ranking.one_unit:
        return "No Wilcoxon test across datasets: their scores have no common unit."
    if count < 2:
        return "No Wilcoxon test across datasets: it takes two methods."
    return (
        f"Not enough datasets for Wilcoxon's test with Holm over all pairs of so many methods: it takes "
        f"{ranking.wilcoxon_needed} before any p-value can fall below {settings.alpha:g}."
    )
