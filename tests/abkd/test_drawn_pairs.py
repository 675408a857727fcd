"""The pairs of layers that STRIDE draws where there are many: in proportion, without bias, and with little noise."""

from __future__ import annotations

import torch
from torch import Tensor

from abkd.parts import structure as structures


def test_drawn_pairs_come_up_in_proportion_to_the_attention() -> None:
    generator = torch.Generator().manual_seed(5)
    weights = torch.rand(6, 4, generator=generator).pow(4)
    weights[2, 1] = 0
    weights /= weights.sum()
    drawn = structures.draw_pairs(weights, 64 * 4000 - 3, 5, generator)
    assert drawn.shape == (4000, 6)
    drawn, apart = drawn[:, :5], drawn[:, 5].bincount(minlength=24)
    torch.testing.assert_close(apart / 4000, weights.flatten(), rtol=0, atol=0.03)
    counts = torch.stack([row.bincount(minlength=24) for row in drawn])
    expected = 5 * weights.flatten().double()
    assert ((counts >= (expected - 1e-9).floor()) & (counts <= (expected + 1e-9).ceil())).all()
    assert not counts[:, 9].any()
    torch.testing.assert_close(counts.double().mean(0), expected, rtol=0, atol=0.03)


def test_drawing_pairs_keeps_the_expected_loss_and_gradients() -> None:
    """Of STRIDE's contrast, for the attention and for the student: means over many draws against all pairs."""
    generator = torch.Generator().manual_seed(6)
    scores = (0.5 * torch.randn(5, 4, generator=generator, dtype=torch.float64)).requires_grad_()
    student = torch.randn(4, 70, 3, generator=generator, dtype=torch.float64).requires_grad_()
    teacher = torch.randn(5, 70, 3, generator=generator, dtype=torch.float64)

    def run(drawn: bool) -> tuple[Tensor, ...]:
        weights = scores.flatten().softmax(0).view_as(scores)
        pairs = structures.draw_pairs(weights, 70, 3, generator) if drawn else None
        value = structures.contrastive(weights, student, teacher, 0.5, pairs)
        return value.detach(), *torch.autograd.grad(value, [scores, student])

    draws = [torch.stack(found) for found in zip(*(run(drawn=True) for _ in range(600)), strict=True)]
    for found, exact in zip(draws, run(drawn=False), strict=True):
        error = found.std(0) / len(found) ** 0.5
        assert (error > 0).any()
        assert ((found.mean(0) - exact).abs() <= 5 * error + 1e-9).all()


def test_attention_is_moved_by_what_tells_pairs_apart() -> None:
    """Not by the cross-entropy that all pairs have in common: its noise was a hundred times the gradient."""
    generator = torch.Generator().manual_seed(6)
    student, teacher = (torch.randn(layers, 256, 16, generator=generator) for layers in (6, 30))
    scores = torch.randn(30, 6, generator=generator).mul(0.1).requires_grad_()

    def gradient(pairs: Tensor | None) -> Tensor:
        value = structures.contrastive(scores.softmax(1) / 30, student, teacher, 0.1, pairs)
        return torch.autograd.grad(value, scores)[0]

    exact = gradient(None)
    drawn = [gradient(structures.draw_pairs(scores.softmax(1) / 30, 256, 6, generator)) for _ in range(60)]
    noise = torch.stack([(each - exact).square().sum() for each in drawn]).mean().sqrt()
    assert noise < 20 * exact.norm()
