"""Slow and obvious versions of the losses that ask for more than signals; tests/methods/reference.py has the rules."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from tests.baselines.references_edges import edges_of
from tests.baselines.references_layers import graphakd, mugsi
from tests.methods.reference import (
    Array,
    Case,
    Reference,
    View,
    batch_norm,
    case,
    divergence,
    linear,
    log_sigmoid,
    neighbours,
    pooled,
    softmax,
    unit,
    weight,
)


def uniform(*size: int) -> Array:
    """What a batch's generator draws first."""
    return torch.rand(size, generator=torch.Generator().manual_seed(0)).double().numpy()


def crd_memory(beta: float, tau2: float, negatives: int) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        members = weight(method, "members").astype(int)
        count = min(negatives, len(members))
        drawn = [members[int(u * len(members))] for u in uniform(count)]
        total = 0.0
        for side, h, name in (("student", v.h_student, "of_teacher"), ("teacher", v.h_teacher, "of_student")):
            memory = weight(method, name)
            anchors = [unit(row) for row in linear(method, f"{side}_head", pooled(h[-1], v))]
            scores = [
                [math.exp(sum(anchor * memory[k]) / tau2) for k in (i, *drawn)] for i, anchor in enumerate(anchors)
            ]
            z = np.mean(scores)
            for right, *wrong in scores:
                total -= math.log(right / z / (right / z + count))
                total -= sum(math.log(count / (p / z + count)) for p in wrong)
        return {"crd": beta * total / len(pooled(v.h_student[-1], v))}

    return loss


def srrl(alpha: float, beta: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        normed = batch_norm(pooled(v.h_student[-1], v) @ weight(method, "transfer.0.weight").T)
        carried = np.maximum(normed * weight(method, "transfer.1.weight") + weight(method, "transfer.1.bias"), 0)
        judged = carried @ weight(method, "classifier")[:, :-1].T + weight(method, "classifier")[:, -1]
        return {
            "feature": alpha * float(((carried - pooled(v.h_teacher[-1], v)) ** 2).mean()),
            "verdict": beta * float(((judged - v.z_teacher) ** 2).mean()),
        }

    return loss


def graphakd_whole(embedding: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        teacher, student = v.h_teacher[-1], linear(method, "map", v.h_student[-1])
        local, everywhere = (weight(method, f"{name}_columns") for name in ("local", "global"))
        a, b = (float(weight(method, f"{name}_scale")) for name in ("local", "global"))

        def edge(h: Array, i: int, j: int) -> float:
            return a * float(sum(unit(h[i]) * local * unit(h[j])))

        def judged(h: Array, of: Array) -> list[float]:
            same = np.zeros(len(h), int) if v.graph is None else v.graph
            summary = {g: 1 / (1 + np.exp(-of[same == g].mean(0))) for g in set(same)}
            return [b * float(sum(unit(row) * everywhere * summary[g])) for row, g in zip(h, same, strict=True)]

        pairs = edges_of(v, False)
        of_edges = [-log_sigmoid(edge(teacher, i, j)) - log_sigmoid(-edge(student, i, j)) for i, j in pairs]
        of_graphs, of_own = (
            [-log_sigmoid(x) - log_sigmoid(-y) for x, y in zip(judged(a, a), judged(b, a), strict=True)]
            for a, b in ((teacher, student), (student, teacher))
        )
        return {
            **graphakd(1.0, 1.0)(method, v),
            "local": embedding * sum(of_edges) / len(pairs),
            "global": embedding * sum(of_graphs) / len(teacher),
            "global_own": embedding * sum(of_own) / len(teacher),
        }

    return loss


def cosines(h: Array, labels: Array) -> Array:
    sums = [unit(h[labels == k].sum(0)) for k in sorted(set(labels))]
    return np.array([[sum(x * y) for x in sums] for y in sums])


def walked(v: View, draws: Array, nodes: list[int]) -> list[int]:
    path = [nodes[int(draws[0] * len(nodes))]]
    for u in draws[1:]:
        near = sorted(neighbours(v.edges, path[-1]))
        path.append(near[int(u * len(near))] if near else path[-1])
    return path


def mugsi_whole(cluster: float, walk: float, paths: int, length: int) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        assert v.graph is not None
        graphs, clusters = len(v.labels), weight(method, "clusters")
        draws, s, t = uniform(length + 1, graphs * paths), v.h_student[-1], v.h_teacher[-1]
        apart, total, counted = 0.0, 0.0, 0
        for g in range(graphs):
            rows = np.flatnonzero(v.graph == g)
            labels = clusters[rows]
            if len(set(labels)) >= 3:
                apart += float(((cosines(s[rows], labels) - cosines(t[rows], labels)) ** 2).sum())
                counted += 1
            for k in range(paths):
                first, *later = walked(v, draws[:, g * paths + k], list(rows))
                found, wanted = (softmax(np.array([sum(h[first] * h[x]) for x in later])) for h in (s, t))
                total += divergence(wanted, found)
        assert 0 < counted < graphs, "some graphs have clusters that count, and some have not"
        return {
            **mugsi(method, v),
            "clusters": cluster * apart / graphs / 2,
            "walks": walk * total / (graphs * paths),
        }

    return loss


ON_GRAPHS = ("graph", "binary", "regression")
CASES: dict[str, list[Case]] = {
    # A step moves the memory, so that no two values belong to one function.
    "crd-bank": [
        Case(crd_memory(0.8, 0.07, 16384), {"projection": 16}, gradient=False),
        Case(
            crd_memory(2.0, 0.5, 5),
            {"beta": 2.0, "tau2": 0.5, "negatives": 5, "projection": 9, "block": 4},
            gradient=False,
        ),
    ],
    "srrl": [case(srrl(1.0, 1.0)), case(srrl(2.0, 0.3), alpha=2.0, beta=0.3)],
    # The student's gradient is reversed on purpose.
    "graphakd": [
        Case(graphakd_whole(1.0), {}, gradient=False),
        Case(graphakd_whole(0.3), {"embedding": 0.3}, gradient=False),
    ],
    "mugsi": [
        case(mugsi_whole(0.1, 0.1, 20, 8), *ON_GRAPHS),
        case(mugsi_whole(2.0, 3.0, 2, 3), *ON_GRAPHS, cluster=2.0, walk=3.0, paths=2, length=3),
    ],
}
