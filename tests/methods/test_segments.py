"""Softmaxes over the entries of a row, and gathers to them."""

from __future__ import annotations

import pytest
import torch

from methods.segments import _Gathered, segment_log_softmax, segment_softmax
from methods.sparse import Pattern
from tests.methods.conftest import values_of

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
HEADS = pytest.mark.parametrize("heads", [(), (1,), (3,)], ids=["none", "one", "three"])


@HEADS
def test_weights_of_a_row_sum_to_one_even_for_huge_values(pattern, heads):
    scores = values_of(pattern, *heads) * 2000
    weights = segment_softmax(scores, pattern)
    sums = torch.zeros(20, *heads, dtype=torch.float64).index_add(0, pattern.rows, weights)
    torch.testing.assert_close(sums, (pattern.counts > 0).double().view(-1, *[1] * len(heads)).expand_as(sums))


@HEADS
def test_softmaxes_are_those_of_every_row(pattern, heads):
    scores = values_of(pattern, *heads).requires_grad_()
    rows = scores.split(pattern.counts.tolist())
    for ours, theirs in ((segment_softmax, torch.softmax), (segment_log_softmax, torch.log_softmax)):
        found, expected = ours(scores, pattern), torch.cat([theirs(row, 0) for row in rows])
        torch.testing.assert_close(found, expected)
        assert torch.autograd.gradcheck(lambda s, f=ours: f(s, pattern), scores)


@BOTH
def test_one_column_and_several_have_the_same_bits(pattern, dtype):
    """The two ways to add up a row."""
    scores = values_of(pattern).to(dtype)
    for softmax in (segment_softmax, segment_log_softmax):
        alone, beside = softmax(scores, pattern), softmax(scores[:, None].expand(-1, 2).contiguous(), pattern)
        assert torch.equal(alone, beside[:, 0])


def test_softmaxes_of_nothing():
    nothing = Pattern(torch.zeros(4, dtype=torch.int32), torch.zeros(0, dtype=torch.int32), 3)
    assert len(segment_softmax(torch.zeros(0), nothing)) == len(segment_log_softmax(torch.zeros(0), nothing)) == 0


@BOTH
@pytest.mark.parametrize("columns", [(), (3,)], ids=["vector", "rows"])
def test_a_gather_on_a_gpu_has_the_gradient_of_torchs_own(pattern, dtype, columns):
    for of_rows, length in ((True, 20), (False, 30)):
        index = pattern.rows if of_rows else pattern.columns
        x = torch.randn(length, *columns, dtype=dtype, requires_grad=True)
        weight = torch.randn(len(index), *columns, dtype=dtype)
        found, expected = _Gathered.apply(x, pattern, index, of_rows), x.index_select(0, index.long())
        assert torch.equal(found, expected)
        torch.testing.assert_close(
            torch.autograd.grad((found * weight).sum(), x), torch.autograd.grad((expected * weight).sum(), x)
        )
