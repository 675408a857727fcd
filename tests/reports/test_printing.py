"""Numbers in words, where rounding could say something else than the number."""

from __future__ import annotations

import pytest

from reports import printing


@pytest.mark.parametrize(
    ("p", "alpha", "text"),
    [
        (0.0124, 0.05, "0.012"),
        (0.0002, 0.05, "< 0.001"),
        (1.0, 0.05, "1.000"),
        (float("nan"), 0.05, "—"),
        (0.04994, 0.05, "0.0499"),
        (0.05026, 0.05, "0.0503"),
        (0.049996, 0.05, "0.049996"),
        (0.05, 0.05, "0.050"),
        (0.0099, 0.01, "0.0099"),
        (0.0004, 0.0005, "< 0.0005"),
        (0.00052, 0.0005, "0.001"),
    ],
)
def test_a_p_value_shows_its_side_of_the_level(p, alpha, text):
    assert printing.p_value(p, alpha) == text


def test_zero_has_no_sign():
    assert printing.signed(-0.004, 2) == printing.signed(0.004, 2) == "0.00"
    assert (printing.signed(-1.25, 1), printing.signed(1.25, 2), printing.signed(1, 0, plus="")) == (
        "−1.2",
        "+1.25",
        "1",
    )
