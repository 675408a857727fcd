"""Mean curves over seeds that do not all train for as long."""

from __future__ import annotations

import pandas as pd

from reports.figures import curves


def test_a_mean_curve_ends_where_the_first_seed_has_stopped():
    """Behind that it would be the mean of those that went on."""
    rows = [(seed, epoch) for seed, last in ((0, 3), (1, 5)) for epoch in range(1, last + 1)]
    table = pd.DataFrame([{"method": "kd", "seed": seed, "epoch": epoch, "valid": float(seed)} for seed, epoch in rows])
    (mean,) = curves.mean_curves(table).values()
    assert list(mean.index) == [1, 2, 3]
