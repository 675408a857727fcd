"""Comparison across datasets: ranks on seed means, and whether there are enough datasets for a test.

One row per dataset, never one per dataset x seed: seeds of one dataset are not independent datasets, and treating them
so makes Friedman's test reject without a cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scikit_posthocs
from scipy import stats

from reports.metrics import metric
from reports.rows import FAMILY
from reports.settings import Settings
from reports.variants import dataset_of

MINIMUM_DATASETS = 5
"""Below five blocks Friedman's chi-square approximation is not trustworthy whatever the number of methods."""

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
    """

    ranks: pd.Series
    datasets: int
    dropped: list[str]
    critical_difference: float
    enough: bool
    friedman_p: float
    nemenyi: pd.DataFrame


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
    if datasets < MINIMUM_DATASETS or methods < 3:
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
    ranks = wide[kept].rank(axis=1, ascending=False)
    blocks = ranks.groupby(ranks.index.get_level_values("dataset").map(dataset_of)).mean().rank(axis=1)
    k, n = len(kept), len(blocks)
    seeds = students[students["method"].isin(kept)].groupby([*FAMILY, "method"], dropna=False)["seed"].nunique()
    limit = critical_difference(k, n, settings.alpha) if k > 1 and n else np.nan
    means = blocks.mean() if n else pd.Series(dtype=float)
    if not carries(k, n, settings.alpha) or seeds.min() < settings.minimum_seeds:
        return Ranking(means, n, dropped, limit, False, np.nan, pd.DataFrame())
    friedman = float(stats.friedmanchisquare(*(blocks[label] for label in kept)).pvalue)
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(blocks.to_numpy())
    nemenyi.index = nemenyi.columns = pd.Index(kept)
    return Ranking(means, n, dropped, limit, True, friedman, nemenyi)
