"""Slow and obvious versions of the losses that distil along edges; tests/methods/reference.py says by which rules."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from tests.baselines.references import kd
from tests.methods.reference import (
    Array,
    Case,
    Reference,
    View,
    case,
    divergence,
    kernel,
    linear,
    softmax,
    unit,
    weight,
)

Edge = tuple[int, int]


def edges_of(v: View, loops: bool) -> list[Edge]:
    """Pairs (i, j) of the edges j -> i, by i and then by j."""
    found = [(int(i), int(j)) for j, i in v.edges.T]
    return sorted(found + ([(i, i) for i in range(len(v.z_student))] if loops else []))


def soft(z: Array, tau: float = 1.0) -> list[Array]:
    return [softmax(row / tau) for row in z]


def low(alpha: float, v: View) -> float:
    student, teacher, pairs = soft(v.z_student), soft(v.z_teacher), edges_of(v, True)
    return alpha * sum(divergence(teacher[j], student[i]) for i, j in pairs) / len(pairs)


def high(alpha: float, tau: float, v: View) -> float:
    pairs, total = edges_of(v, False), 0.0
    for i, j in pairs:
        of_student, of_teacher = (softmax(abs(z[i] - z[j]) / tau) for z in (v.z_student, v.z_teacher))
        total += divergence(of_teacher, of_student)
    return alpha * total / len(pairs)


def ff_g2m(alpha: float = 0.9, tau: float = 1.5, parts: str = "low high") -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        values = {"low": low(alpha, v), "high": high(alpha, tau, v)}
        return {name: values[name] for name in parts.split()}

    return loss


def propagate(alpha: float, gamma: float, steps: int, fixed: bool) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        start, n = np.array(soft(v.z_teacher)), len(v.z_teacher)
        adjacency = np.zeros((n, n))
        for i, j in edges_of(v, False):
            adjacency[i, j] += 1
        root = np.diag([1 / math.sqrt(d) if d else 0.0 for d in adjacency.sum(1)])
        p = start
        for _ in range(steps):
            p = gamma * root @ adjacency @ root @ p + (1 - gamma) * start
            if fixed:
                p = np.array([start[i] if v.labels[i] != -1 else p[i] for i in range(n)])
        student = soft(v.z_student)
        targets = [p[i] / p[i].sum() if p[i].sum() > 0 else start[i] for i in range(n)]
        return {"propagated": alpha * sum(divergence(targets[i], student[i]) for i in range(n)) / n}

    return loss


def entropies(z: Array) -> Array:
    found = np.array([-sum(x * math.log(x) for x in p) for p in soft(z)])
    return found / found.max()


def fitted_exponent(doubt: Array, agrees: list[bool]) -> float:
    """Of the grid's exponents, the one whose curve is nearest to the scaled agreement in the bins."""
    bins: dict[int, list[bool]] = {}
    for x, agreed in zip(doubt, agrees, strict=True):
        bins.setdefault(min(int(x * 50), 49), []).append(agreed)
    shares = {b: sum(found) / len(found) for b, found in bins.items()}
    lowest, highest = min(shares.values()), max(shares.values())
    wanted = {(b + 0.5) / 50: (s - lowest) / (highest - lowest) for b, s in shares.items()}
    grid = [2 ** (k / 32) for k in range(-128, 129)]
    return min(grid, key=lambda q: sum((1 - x**q - y) ** 2 for x, y in wanted.items()))


def krd(alpha: float, tau: float, draws: bool, noise: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        pairs, doubt = edges_of(v, True), weight(method, "change") if noise else entropies(v.z_teacher)
        assert doubt.max() == 1
        agrees = [a.argmax() == b.argmax() for a, b in zip(v.z_student, v.z_teacher, strict=True)]
        if draws:
            q = fitted_exponent(doubt, agrees)
            uniform = torch.rand(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
            chosen = [i == j or u < 1 - doubt[j] ** q for (i, j), u in zip(pairs, uniform, strict=True)]
            assert len(v.z_student) < sum(chosen) < len(pairs)
            pairs = [pair for pair, kept in zip(pairs, chosen, strict=True) if kept]
        student, teacher = soft(v.z_student, tau), soft(v.z_teacher, tau)
        return {"krd": alpha * sum(divergence(teacher[j], student[i]) for i, j in pairs) / len(pairs)}

    return loss


def hardness(v: View, pairs: list[Edge], factor: float) -> tuple[list[float], list[float]]:
    """cos(p_T[i], p_T[j]) and w_ij of every pair, in an epoch with this `factor` a."""
    of_student, of_teacher, p = entropies(v.z_student), entropies(v.z_teacher), soft(v.z_teacher)
    cosines = [kernel("cosine", p[i], p[j]) for i, j in pairs]
    ratios = [math.sqrt(of_teacher[i] * of_student[i]) / of_teacher[j] for i, j in pairs]
    weights = [1 - math.exp(-factor * c * r) for c, r in zip(cosines, ratios, strict=True)]
    return cosines, [1.0 if i == j else w for (i, j), w in zip(pairs, weights, strict=True)]


def hgmd_mixup(factor: float, mixing: float, tau: float, alpha: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        pairs = edges_of(v, True)
        _, weights = hardness(v, pairs, factor)
        generator = torch.Generator().manual_seed(0)
        uniform = torch.rand(len(pairs), generator=generator).tolist()
        left, right = torch._standard_gamma(torch.full((2, len(pairs)), mixing), generator=generator)
        beta = (left / (left + right)).tolist()
        student, teacher = soft(v.z_student, tau), soft(v.z_teacher, tau)
        total, count = 0.0, 0
        for (i, j), w, u, b in zip(pairs, weights, uniform, beta, strict=True):
            if u < w or i == j:
                m = w * b
                total += (1 - m) * divergence(teacher[i], student[i]) + m * divergence(teacher[j], student[i])
                count += 1
        return {"hgmd": alpha * total / count}

    return loss


def hgmd_weight(method: nn.Module, v: View) -> dict[str, float]:
    pairs, student, teacher = edges_of(v, True), soft(v.z_student), soft(v.z_teacher)
    cosines, weights = hardness(v, pairs, 3.0)
    uniform = torch.rand(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    kept = [k for k, (i, j) in enumerate(pairs) if uniform[k] < weights[k] or i == j]
    total = 0.0
    for i in range(len(v.z_student)):
        near = [k for k in kept if pairs[k][0] == i]
        all_of_it = sum(cosines[k] * weights[k] for k in near)
        for k in near:
            share = cosines[k] * weights[k] / all_of_it
            total += len(near) * share * divergence(teacher[pairs[k][1]], student[i])
    return {"hgmd": 0.9 * total / len(kept)}


def nosmog(method: nn.Module, v: View) -> dict[str, float]:
    student = np.maximum(v.h_student[-1] @ weight(method, "head.weight").T + weight(method, "head.bias"), 0)
    wanted = v.h_teacher[-1] @ v.h_teacher[-1].T
    return {"gram": float(((student @ student.T - wanted) ** 2).sum() / (wanted**2).sum())}


def robust(alpha: float) -> Reference:
    """NOSMOG without its second view, which has a test of its own."""
    return lambda method, v: {"kd": kd(alpha, 1.0)(method, v)["kd"], **nosmog(method, v)}


def gkd(name: str, width: float = 1.0, beta: float = 1.0, delta: float = 0.1) -> Reference:
    def value(a: Array, b: Array) -> float:
        if name == "tanh":
            return math.tanh(sum(a * b))
        return math.exp(-sum((a - b) ** 2) / (width * len(a)))

    def loss(method: nn.Module, v: View) -> dict[str, float]:
        s, t = ((h - h.mean(0)) / h.std(0) for h in (v.h_student[-1], v.h_teacher[-1]))
        near, everyone = edges_of(v, False), [(i, j) for i in range(len(s)) for j in range(len(s))]
        means = [
            sum((value(s[i], s[j]) - value(t[i], t[j])) ** 2 for i, j in pairs) / len(pairs)
            for pairs in (near, everyone)
        ]
        return {"edges": beta * means[0], "pairs": beta * delta * means[1]}

    return loss


def tined(method: nn.Module, v: View) -> dict[str, float]:
    def logarithms(layers: list[Array], chosen: list[int]) -> Array:
        pairs = edges_of(v, False)
        rows = [[unit(row) for row in layers[k]] for k in chosen]
        return np.array([math.log(sum(sum((h[i] - h[j]) ** 2) for i, j in pairs) / len(pairs) + 1e-12) for h in rows])

    # Both networks of the tests have two hidden layers and logits.
    student = np.diff(logarithms([*v.h_student, v.z_student], [0, 1, 2]))
    teacher = np.diff(logarithms([*v.h_teacher, v.z_teacher], [0, 1, 2]))
    return {"energy": 0.1 * float(np.mean((student - teacher) ** 2))}


def node_curvatures(v: View) -> list[float]:
    """Means over the edges at a node of Jost and Liu's bound, from sets of neighbours."""
    n = len(v.z_student)
    near = [{a if b == i else b for a, b in v.edges.T.tolist() if i in (a, b) and a != b} for i in range(n)]

    def bound(x: int, y: int) -> float:
        shared, fewer, more = len(near[x] & near[y]), *sorted((len(near[x]), len(near[y])))
        free = 1 - 1 / fewer - 1 / more
        return shared / more - max(free - shared / fewer, 0) - max(free - shared / more, 0)

    return [sum(bound(i, j) for j in near[i]) / max(len(near[i]), 1) for i in range(n)]


def g2mlp(alpha: float = 1.0, beta: float = 0.1, gamma: float = 1.0) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        n, around = len(v.z_student), edges_of(v, True)
        raw = [math.exp(gamma * k) for k in node_curvatures(v)]

        def distance(student: Array, teacher: Array) -> float:
            total = 0.0
            for i in range(n):
                rows = [j for at, j in around if at == i]
                for k in range(teacher.shape[1]):
                    s, t = student[rows, k], teacher[rows, k]
                    total += raw[i] / sum(raw) * ((s.mean() - t.mean()) ** 2 + (s.std() - t.std()) ** 2)
            return beta * float(total) / teacher.shape[1]

        return {
            "kd": kd(alpha, 1.0)(method, v)["kd"],
            "hidden": distance(linear(method, "head", v.h_student[-1]), v.h_teacher[-1]),
            "logits": distance(v.z_student, v.z_teacher),
        }

    return loss


def held(reference: Reference, **hyperparameters: float) -> Case:
    """HGMD, whose weights rest on the student and have no gradient."""
    return Case(reference, hyperparameters, ("node",), gradient=False)


CASES: dict[str, list[Case]] = {
    "glnn": [case(kd(1.0, 1.0))],
    "glnn-two-steps": [case(kd(1.0, 1.0)), case(kd(0.7, 1.0), lamb=0.3)],
    "ff-g2m": [case(ff_g2m(), "node"), case(ff_g2m(0.5, 4.0), "node", alpha=0.5, temperature=4.0)],
    "ff-g2m-low": [case(ff_g2m(parts="low"), "node")],
    "ff-g2m-high": [case(ff_g2m(parts="high"), "node")],
    "propagate-distill": [
        case(propagate(1.0, 0.9, 10, False), "node"),
        case(propagate(0.4, 1.0, 2, False), "node", alpha=0.4, gamma=1.0, steps=2),
    ],
    "propagate-distill-fixed": [case(propagate(1.0, 0.9, 10, True), "node")],
    "krd": [
        case(krd(0.9, 1.0, False), "node"),
        case(krd(0.7, 2.0, True), "node", alpha=0.7, temperature=2.0, momentum=0.0, warm_up=0),
    ],
    "krd-noise": [
        case(krd(0.9, 1.0, False, True), "node"),
        case(krd(0.7, 2.0, True, True), "node", alpha=0.7, temperature=2.0, momentum=0.0, warm_up=0),
    ],
    "hgmd": [
        held(hgmd_mixup(3.0, 0.4, 1.0, 0.9)),
        held(hgmd_mixup(0.3, 2.0, 2.0, 0.5), hardness=0.3, mixing=2.0, temperature=2.0, alpha=0.5),
    ],
    "hgmd-weight": [held(hgmd_weight)],
    "nosmog-gram": [case(nosmog)],
    "nosmog": [case(robust(1.0), "node"), case(robust(0.4), "node", alpha=0.4)],
    "gkd": [
        case(gkd("tanh"), "node"),
        case(gkd("tanh"), "node", block=5),
        case(gkd("gaussian", 0.5, 2.0, 3.0), "node", kernel="gaussian", width=0.5, beta=2.0, delta=3.0),
    ],
    "tined-energy": [case(tined, "node")],
    "g2mlp": [case(g2mlp(), "node"), case(g2mlp(0.4, 3.0, -2.0), "node", alpha=0.4, beta=3.0, gamma=-2.0)],
}
