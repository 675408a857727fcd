"""Slow and obvious versions of the baselines' losses; tests/methods/reference.py says by which rules.

Losses along edges and later ones of layers stand in the two files beside this one. A shipped file in `baselines/`
without an entry in one of them fails the build.
"""

from __future__ import annotations

import math

import numpy as np
from torch import nn

from tests.methods.reference import (
    Array,
    Case,
    Reference,
    View,
    batch_norm,
    case,
    contrast,
    divergence,
    global_structure,
    kernel,
    linear,
    local_structure,
    log_sigmoid,
    softmax,
    unit,
    weight,
)


def supervised(method: nn.Module, v: View) -> dict[str, float]:
    return {}


def kd(alpha: float = 0.9, tau: float = 4.0, elementwise: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        n, c = v.z_student.shape
        if v.objective == "regression":
            return {"kd": alpha * sum((v.z_student - v.z_teacher).ravel() ** 2) / (n * c)}
        total = 0.0
        if v.objective == "binary":
            for i in range(n):
                for k in range(c):
                    for sign in (1, -1):
                        of_student, of_teacher = (log_sigmoid(sign * z[i, k] / tau) for z in (v.z_student, v.z_teacher))
                        total += math.exp(of_teacher) * (of_teacher - of_student)
            return {"kd": alpha * tau**2 * total / (n * c) / (2 if elementwise else 1)}
        for i in range(n):
            total += divergence(softmax(v.z_teacher[i] / tau), softmax(v.z_student[i] / tau))
        return {"kd": alpha * tau**2 * total / n / (c if elementwise else 1)}

    return loss


def fitnet(beta: float, both: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        regressed = [] if both else [linear(method, "regressor", v.h_student[-1]), v.h_teacher[-1]]
        student, teacher = regressed or projections(method, v)
        total = sum(sum((unit(s) - unit(t)) ** 2) for s, t in zip(student, teacher, strict=True))
        return {"fitnet": beta * total / len(student)}

    return loss


def at(beta: float, total: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        student, teacher = (unit(np.array([sum(row**2) for row in h[-1]])) for h in (v.h_student, v.h_teacher))
        return {"at": beta * sum((student - teacher) ** 2) / (1 if total else len(student))}

    return loss


def lsp(beta: float, name: str, over_edges: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        total, n = local_structure(v.h_student[-1], v.h_teacher[-1], v.edges, name), len(v.h_student[-1])
        return {"lsp": beta * total / (v.edges.shape[1] if over_edges else n)}

    return loss


def gsp(beta: float, name: str, heads: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        sides = projections(method, v) if heads else [v.h_student[-1], v.h_teacher[-1]]
        return {"gsp": beta * global_structure(*sides, name)}

    return loss


def projections(method: nn.Module, v: View) -> list[Array]:
    """G-CRD's heads on either side."""
    return [
        np.maximum(
            batch_norm(h[-1] @ weight(method, f"heads.{side}.0.weight").T) * weight(method, f"heads.{side}.1.weight")
            + weight(method, f"heads.{side}.1.bias"),
            0,
        )
        for side, h in (("student", v.h_student), ("teacher", v.h_teacher))
    ]


def gcrd(beta: float = 0.1, tau2: float = 0.075) -> Reference:
    return lambda method, v: {"gcrd": beta * contrast(*projections(method, v), tau2)}


def pair_rows(h: Array) -> list[tuple[int, int]]:
    return [(i, j) for i in range(len(h)) for j in range(len(h))]


def huber(x: float) -> float:
    return x * x / 2 if abs(x) < 1 else abs(x) - 0.5


def rkd(method: nn.Module, v: View) -> dict[str, float]:
    n = len(v.h_student[-1])
    relative, cosines = [], []
    for h in (v.h_student[-1], v.h_teacher[-1]):
        distance = {(i, j): kernel("l2", h[i], h[j]) for i, j in pair_rows(h)}
        positive = [d for d in distance.values() if d > 0]
        mean = sum(positive) / len(positive)
        relative.append({pair: d / mean for pair, d in distance.items()})
        cosines.append(
            {(i, j, k): float(sum(unit(h[i] - h[j]) * unit(h[k] - h[j]))) for i, j in pair_rows(h) for k in range(n)}
        )
    return {
        "distance": 25 * sum(huber(relative[0][p] - relative[1][p]) for p in relative[0]) / n**2,
        "angle": 50 * sum(huber(cosines[0][t] - cosines[1][t]) for t in cosines[0]) / n**3,
    }


def sp(method: nn.Module, v: View) -> dict[str, float]:
    rows = [np.array([unit(row) for row in h[-1] @ h[-1].T]) for h in (v.h_student, v.h_teacher)]
    return {"sp": 20 * sum(sum((a - b) ** 2) for a, b in zip(*rows, strict=True)) / len(rows[0])}


def pkt(method: nn.Module, v: View) -> dict[str, float]:
    total, n = 0.0, len(v.h_student[-1])
    for i in range(n):
        student, teacher = (
            np.array([(kernel("cosine", h[-1][i], row) + 1) / 2 for row in h[-1]]) for h in (v.h_student, v.h_teacher)
        )
        total += divergence(teacher / sum(teacher), student / sum(student))
    return {"pkt": 100 * total / n}


def nst(method: nn.Module, v: View) -> dict[str, float]:
    s, t = ([unit(column) for column in h[-1].T] for h in (v.h_student, v.h_teacher))

    def mean(a: list[Array], b: list[Array]) -> float:
        return sum(sum(x * y) ** 2 for x in a for y in b) / (len(a) * len(b))

    return {"nst": 25 * (mean(t, t) + mean(s, s) - 2 * mean(s, t))}


def vid(method: nn.Module, v: View) -> dict[str, float]:
    total, (n, c) = 0.0, v.h_teacher[-1].shape
    for s, t in zip(v.h_student[-1], v.h_teacher[-1], strict=True):
        hidden = np.maximum(weight(method, "mean.0.weight") @ s + weight(method, "mean.0.bias"), 0)
        mean = weight(method, "mean.2.weight") @ hidden + weight(method, "mean.2.bias")
        for k in range(c):
            sigma = math.sqrt(math.log1p(math.exp(weight(method, "rho")[k])) + 1e-5)
            total += math.log(sigma) + (t[k] - mean[k]) ** 2 / (2 * sigma**2)
    return {"vid": total / (n * c)}


def dkd(share: float) -> Reference:
    """In the first epoch; `share` of the warm-up's full weight."""

    def loss(method: nn.Module, v: View) -> dict[str, float]:
        of_target = of_others = 0.0
        labelled = [i for i, label in enumerate(v.labels) if label >= 0]
        for i in labelled:
            s, t = softmax(v.z_student[i] / 4), softmax(v.z_teacher[i] / 4)
            c = int(v.labels[i])
            of_target += divergence(np.array([t[c], 1 - t[c]]), np.array([s[c], 1 - s[c]]))
            of_others += divergence(np.delete(t, c) / (1 - t[c]), np.delete(s, c) / (1 - s[c]))
        scale = share * 16 / len(labelled)
        return {"target": scale * of_target, "others": scale * 8 * of_others}

    return loss


def dist(tau: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        s, t = (np.array([softmax(row / tau) for row in z]) for z in (v.z_student, v.z_teacher))
        rows = [1 - np.corrcoef(a, b)[0, 1] for a, b in zip(s, t, strict=True)]
        columns = [1 - np.corrcoef(a, b)[0, 1] for a, b in zip(s.T, t.T, strict=True)]
        return {"inter": 2 * tau**2 * sum(rows) / len(rows), "intra": 2 * tau**2 * sum(columns) / len(columns)}

    return loss


def kd_standardised(method: nn.Module, v: View) -> dict[str, float]:
    total = 0.0
    for s, t in zip(v.z_student, v.z_teacher, strict=True):
        of_student, of_teacher = (softmax((z - z.mean()) / z.std() / 2) for z in (s, t))
        total += divergence(of_teacher, of_student)
    return {"kd": 9 * 4 * total / len(v.z_student)}


def cka(method: nn.Module, v: View) -> dict[str, float]:
    def hsic(a: Array, b: Array) -> float:
        n = len(a)
        centre = np.eye(n) - 1 / n
        return float(np.trace(a @ a.T @ centre @ b @ b.T @ centre))

    s, t = v.h_student[-1], v.h_teacher[-1]
    return {"cka": 1 - hsic(s, t) / math.sqrt(hsic(s, s) * hsic(t, t))}


KERNELS = ("cosine", "poly", "l2", "rbf")


def label_smoothing(epsilon: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        values = []
        for row, label in zip(v.z_student, v.labels, strict=True):
            if v.objective == "binary":
                values += [-(log_sigmoid(z) + log_sigmoid(-z)) / 2 for z in row[~np.isnan(label)]]
            elif label != -1:
                values.append(np.mean([-math.log(p) for p in softmax(row)]))
        return {"smoothing": epsilon * float(np.mean(values))}

    return loss


def tempered(tau: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        values = []
        for row, label in zip(v.z_student, v.labels, strict=True):
            if v.objective == "binary":
                for z, y in zip(row, label.astype(float), strict=True):
                    if not np.isnan(y):
                        values.append(-y * log_sigmoid(z / tau) - (1 - y) * log_sigmoid(-z / tau))
            elif label != -1:
                values.append(-math.log(softmax(row / tau)[int(label)]))
        return {"tempered": float(np.mean(values))}

    return loss


def hard_targets(alpha: float, tau: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        values = []
        for s, t in zip(v.z_student, v.z_teacher, strict=True):
            if v.objective == "binary":
                values += [
                    -log_sigmoid(z / tau if of_teacher > 0 else -z / tau) for z, of_teacher in zip(s, t, strict=True)
                ]
            else:
                values.append(-math.log(softmax(s / tau)[max(range(len(t)), key=lambda c: t[c])]))
        return {"hard": alpha * tau**2 * float(np.mean(values))}

    return loss


def shuffled(method: nn.Module, v: View) -> dict[str, float]:
    """KD: whose targets the rows get is not the loss's affair."""
    return {"shuffled": kd()(method, v)["kd"]}


CASES: dict[str, list[Case]] = {
    "supervised": [case(supervised)],
    "kd": [case(kd()), case(kd(0.5, 2.0, True), alpha=0.5, temperature=2.0, reduction="elementwise")],
    "fitnet": [case(fitnet(1000 / 256)), case(fitnet(7.0, True), beta=7.0, heads="both", projection=6)],
    "at": [case(at(1e5)), case(at(2.0, True), beta=2.0, reduction="sum")],
    "lsp": [case(lsp(10.0, k), kernel=k) for k in KERNELS]
    + [case(lsp(100.0, "rbf", True), beta=100.0, kernel="rbf", reduction="published")],
    "gsp": [
        case(gsp(beta, k), kernel=k, block=block)
        for k, beta in zip(KERNELS, (100.0, 100.0, 1.0, 1e5), strict=True)
        for block in (None, 1, 7)
    ]
    + [case(gsp(b, k, True), kernel=k, heads="both", projection=6) for k, b in (("cosine", 100.0), ("rbf", 1e5))],
    "gcrd": [case(gcrd(), projection=16), case(gcrd(2.0, 0.5), beta=2.0, tau2=0.5, projection=9, block=7)],
    "rkd": [case(rkd)],
    "sp": [case(sp)],
    "pkt": [case(pkt), case(pkt, block=5)],
    "nst": [case(nst)],
    "vid": [case(vid)],
    "dkd": [case(dkd(0.05)), case(dkd(1.0), warm_up=1)],
    "dist": [case(dist(1.0)), case(dist(3.0), temperature=3.0)],
    "kd-standardised": [case(kd_standardised)],
    "cka": [case(cka)],
    "label-smoothing": [case(label_smoothing(0.1)), case(label_smoothing(0.4), epsilon=0.4)],
    "tempered": [case(tempered(0.33)), case(tempered(2.0), temperature=2.0)],
    "hard-targets": [case(hard_targets(0.9, 1.0)), case(hard_targets(0.5, 0.4), alpha=0.5, temperature=0.4)],
    "shuffled": [case(shuffled)],
    "self": [case(kd())],
    "longer": [case(supervised)],
}
