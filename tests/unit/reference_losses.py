"""Slow and obvious versions of every loss, in plain loops and float64 numpy, written from the equations alone.

They share no code with `methods`, `baselines` or `abkd`, and read only the weights of a method's heads. A file in
`baselines/` or `abkd/` without an entry in CASES fails the build.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

Array = np.ndarray


@dataclass
class View:
    """Everything a reference may look at, as arrays."""

    zs: Array
    zt: Array
    hs: list[Array]
    ht: list[Array]
    labels: Array
    edges: Array
    graph: Array | None
    objective: str


Reference = Callable[[nn.Module, View], dict[str, float]]


def weight(module: Any, name: str) -> Array:
    value = module.get_parameter(name)
    return value.detach().double().numpy()


# Elementary pieces ---------------------------------------------------------------------------------------------------


def softmax(z: Array) -> Array:
    e = [math.exp(v - max(z)) for v in z]
    return np.array([v / sum(e) for v in e])


def log_sigmoid(z: float) -> float:
    return -math.log1p(math.exp(-z)) if z > 0 else z - math.log1p(math.exp(z))


def unit(v: Array) -> Array:
    length = math.sqrt(sum(float(x) ** 2 for x in v))
    return v / length if length > 0 else v * 0.0


def kernel(name: str, a: Array, b: Array) -> float:
    if name in ("cosine", "poly"):
        cosine = float(sum(unit(a) * unit(b)))
        return cosine if name == "cosine" else cosine**2
    square = sum(float(x) ** 2 for x in a - b)
    return math.sqrt(square) if name == "l2" else math.exp(-square / 2)


def divergence(p: Array, q: Array) -> float:
    return sum(a * (math.log(a) - math.log(b)) for a, b in zip(p, q, strict=True) if a > 0)


def batch_norm(x: Array, eps: float = 1e-5) -> Array:
    result = np.empty_like(x)
    for k in range(x.shape[1]):
        mean = sum(x[:, k]) / len(x)
        variance = sum((x[:, k] - mean) ** 2) / len(x)
        result[:, k] = (x[:, k] - mean) / math.sqrt(variance + eps)
    return result


def neighbours(edges: Array, i: int) -> list[int]:
    return [int(j) for j, target in edges.T if target == i]


# Losses --------------------------------------------------------------------------------------------------------------


def supervised(method: nn.Module, v: View) -> dict[str, float]:
    return {}


def kd(alpha: float = 0.9, tau: float = 4.0, elementwise: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        n, c = v.zs.shape
        if v.objective == "regression":
            return {"kd": alpha * sum((v.zs[i, k] - v.zt[i, k]) ** 2 for i in range(n) for k in range(c)) / (n * c)}
        total = 0.0
        if v.objective == "binary":
            for i in range(n):
                for k in range(c):
                    for sign in (1, -1):
                        log_p, log_q = (log_sigmoid(sign * z[i, k] / tau) for z in (v.zt, v.zs))
                        total += math.exp(log_p) * (log_p - log_q)
            return {"kd": alpha * tau**2 * total / (n * c) / (2 if elementwise else 1)}
        for i in range(n):
            total += divergence(softmax(v.zt[i] / tau), softmax(v.zs[i] / tau))
        return {"kd": alpha * tau**2 * total / n / (c if elementwise else 1)}

    return loss


def fitnet(beta: float, both: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        total = 0.0
        for s, t in zip(v.hs[-1], v.ht[-1], strict=True):
            r = weight(method, "student_head.weight") @ s + weight(method, "student_head.bias")
            goal = weight(method, "teacher_head.weight") @ t + weight(method, "teacher_head.bias") if both else t
            total += sum((unit(r) - unit(goal)) ** 2)
        return {"fitnet": beta * total / len(v.hs[-1])}

    return loss


def at(beta: float, total: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        a, b = (unit(np.array([sum(row**2) for row in h[-1]])) for h in (v.hs, v.ht))
        return {"at": beta * sum((a - b) ** 2) / (1 if total else len(a))}

    return loss


def lsp(beta: float, name: str, over_edges: bool = False) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        total, n = local_structure(v.ht[-1], v.hs[-1], v.edges, name), len(v.hs[-1])
        return {"lsp": beta * total / (v.edges.shape[1] if over_edges else n)}

    return loss


def local_structure(teacher: Array, student: Array, edges: Array, name: str) -> float:
    total = 0.0
    for i in range(len(student)):
        near = neighbours(edges, i)
        if near:
            p, q = (softmax(np.array([kernel(name, h[i], h[j]) for j in near])) for h in (teacher, student))
            total += divergence(p, q)
    return total


def gsp(beta: float, name: str) -> Reference:
    return lambda method, v: {"gsp": beta * global_structure(v.ht[-1], v.hs[-1], name)}


def global_structure(teacher: Array, student: Array, name: str) -> float:
    n = len(student)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    return (
        sum((kernel(name, student[i], student[j]) - kernel(name, teacher[i], teacher[j])) ** 2 for i, j in pairs) / n**2
    )


def gcrd(beta: float = 0.1, tau2: float = 0.075) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        f, g = (
            np.maximum(
                batch_norm(h[-1] @ weight(method, f"{side}_head.0.weight").T) * weight(method, f"{side}_head.1.weight")
                + weight(method, f"{side}_head.1.bias"),
                0,
            )
            for side, h in (("student", v.hs), ("teacher", v.ht))
        )
        return {"gcrd": beta * contrast(g, f, tau2)}

    return loss


def contrast(teacher: Array, student: Array, tau2: float) -> float:
    total = 0.0
    for i, f in enumerate(student):
        scores = np.array([sum(unit(f) * unit(g)) / tau2 for g in teacher])
        total -= math.log(softmax(scores)[i])
    return total / len(student)


def pair_rows(h: Array) -> list[tuple[int, int]]:
    return [(i, j) for i in range(len(h)) for j in range(len(h))]


def huber(x: float) -> float:
    return x * x / 2 if abs(x) < 1 else abs(x) - 0.5


def rkd(method: nn.Module, v: View) -> dict[str, float]:
    n = len(v.hs[-1])
    relative, cosines = [], []
    for h in (v.hs[-1], v.ht[-1]):
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
    rows = [np.array([unit(row) for row in h[-1] @ h[-1].T]) for h in (v.hs, v.ht)]
    return {"sp": 20 * sum(sum((a - b) ** 2) for a, b in zip(*rows, strict=True)) / len(rows[0])}


def pkt(method: nn.Module, v: View) -> dict[str, float]:
    total, n = 0.0, len(v.hs[-1])
    for i in range(n):
        k = [np.array([(kernel("cosine", h[-1][i], row) + 1) / 2 for row in h[-1]]) for h in (v.hs, v.ht)]
        total += divergence(k[1] / sum(k[1]), k[0] / sum(k[0]))
    return {"pkt": 100 * total / n}


def nst(method: nn.Module, v: View) -> dict[str, float]:
    s, t = ([unit(column) for column in h[-1].T] for h in (v.hs, v.ht))

    def mean(a: list[Array], b: list[Array]) -> float:
        return sum(sum(x * y) ** 2 for x in a for y in b) / (len(a) * len(b))

    return {"nst": 25 * (mean(t, t) + mean(s, s) - 2 * mean(s, t))}


def vid(method: nn.Module, v: View) -> dict[str, float]:
    total, (n, c) = 0.0, v.ht[-1].shape
    for s, t in zip(v.hs[-1], v.ht[-1], strict=True):
        hidden = np.maximum(weight(method, "mean.0.weight") @ s + weight(method, "mean.0.bias"), 0)
        mean = weight(method, "mean.2.weight") @ hidden + weight(method, "mean.2.bias")
        for k in range(c):
            sigma = math.sqrt(math.log1p(math.exp(weight(method, "rho")[k])) + 1e-5)
            total += math.log(sigma) + (t[k] - mean[k]) ** 2 / (2 * sigma**2)
    return {"vid": total / (n * c)}


def dkd(method: nn.Module, v: View) -> dict[str, float]:
    of_target = of_others = 0.0
    labelled = [i for i, label in enumerate(v.labels) if label >= 0]
    for i in labelled:
        p, q = softmax(v.zt[i] / 4), softmax(v.zs[i] / 4)
        y = int(v.labels[i])
        of_target += divergence(np.array([p[y], 1 - p[y]]), np.array([q[y], 1 - q[y]]))
        of_others += divergence(np.delete(p, y) / (1 - p[y]), np.delete(q, y) / (1 - q[y]))
    return {"target": 16 * of_target / len(labelled), "others": 8 * 16 * of_others / len(labelled)}


def dist(tau: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        s, t = (np.array([softmax(row / tau) for row in z]) for z in (v.zs, v.zt))
        rows = [1 - np.corrcoef(a, b)[0, 1] for a, b in zip(s, t, strict=True)]
        columns = [1 - np.corrcoef(a, b)[0, 1] for a, b in zip(s.T, t.T, strict=True)]
        return {"inter": 2 * tau**2 * sum(rows) / len(rows), "intra": 2 * tau**2 * sum(columns) / len(columns)}

    return loss


def kd_standardised(method: nn.Module, v: View) -> dict[str, float]:
    total = 0.0
    for s, t in zip(v.zs, v.zt, strict=True):
        q, p = (softmax((z - z.mean()) / z.std() / 2) for z in (s, t))
        total += divergence(p, q)
    return {"kd": 9 * 4 * total / len(v.zs)}


def cka(method: nn.Module, v: View) -> dict[str, float]:
    def hsic(a: Array, b: Array) -> float:
        n = len(a)
        centre = np.eye(n) - 1 / n
        return float(np.trace(a @ a.T @ centre @ b @ b.T @ centre))

    s, t = v.hs[-1], v.ht[-1]
    return {"cka": 1 - hsic(s, t) / math.sqrt(hsic(s, s) * hsic(t, t))}


# ABKD and STRIDE -----------------------------------------------------------------------------------------------------


def pool(h: Array, graph: Array | None) -> Array:
    if graph is None:
        return h
    return np.array([h[graph == k].mean(0) for k in range(int(graph.max()) + 1)])


def per_layer(stacked: Array, layers: list[Array]) -> list[Array]:
    """The matrix [d, d_l] of every layer, from the parameter that stacks their transposes."""
    result, start = [], 0
    for h in layers:
        result.append(stacked[start : start + h.shape[1]].T)
        start += h.shape[1]
    return result


def attend(method: nn.Module, t: list[Array], s: list[Array], axis: str) -> Array:
    w = per_layer(weight(method, "attention.query.weight"), t)
    u = per_layer(weight(method, "attention.key.weight"), s)
    scores = np.empty((len(t), len(s)))
    for i in range(len(t)):
        for j in range(len(s)):
            query, key = w[i] @ t[i].mean(0), u[j] @ s[j].mean(0)
            scores[i, j] = sum(query * key) / math.sqrt(len(query))
    if axis == "teacher":
        return np.array([softmax(row) for row in scores])
    if axis == "student":
        return np.array([softmax(column) for column in scores.T]).T
    return softmax(scores.ravel()).reshape(scores.shape)


def project(method: nn.Module, layers: list[Array], side: str, basis: bool) -> list[Array]:
    p = weight(method, "subspace.basis") if basis else np.eye(method.dim)
    heads = per_layer(weight(method, f"subspace.{side}.weight"), layers)
    return [np.array([p @ (m @ row) for row in h]) for m, h in zip(heads, layers, strict=True)]


def structural(name: str, t: Array, s: Array, x: Array | None, y: Array | None, tau2: float, edges: Array) -> float:
    if name == "gcrd":
        return contrast(x, y, tau2)
    if name == "gsp":
        return global_structure(t, s, "cosine")
    return local_structure(t, s, edges, "cosine") / len(s)


def layer_alignment(
    beta: float = 1.0,
    gamma: float = 0.1,
    axis: str = "teacher",
    dissimilarity: str = "node",
    attention: bool = True,
    basis: bool = True,
    last_teacher: bool = False,
    last_student: bool = False,
    structure: str = "",
    structure_weight: float = 0.1,
    tau2: float = 0.075,
) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        t = [*(pool(h, v.graph) for h in v.ht), v.zt][-1 if last_teacher else 0 :]
        s = [*(pool(h, v.graph) for h in v.hs), v.zs][-1 if last_student else 0 :]
        pairs = [(i, j) for i in range(len(t)) for j in range(len(s))]

        a = attend(method, t, s, axis) if attention else np.full((len(t), len(s)), 1.0 / len(s))
        mass = a.sum()

        terms: dict[str, float] = {}
        if basis:
            p = weight(method, "subspace.basis")
            terms["orthonormality"] = gamma * ((p.T @ p - np.eye(len(p))) ** 2).sum()
        embedded = beta > 0 or structure == "gcrd"
        projected_t = project(method, t, "teacher", basis) if embedded else []
        projected_s = project(method, s, "student", basis) if embedded else []
        x, y = [batch_norm(h) for h in projected_t], [batch_norm(h) for h in projected_s]
        if beta:
            total = 0.0
            for i, j in pairs:
                if dissimilarity == "pooled":
                    d = sum((unit(projected_t[i].mean(0)) - unit(projected_s[j].mean(0))) ** 2)
                else:
                    # mean_n ||x - y||^2 / d, but for batch norm's eps, which leaves mean squares a little below one
                    d = 2 - 2 * (x[i] * y[j]).mean()
                total += a[i, j] * d
            terms["alignment"] = beta * total / mass
        if structure:
            total = 0.0
            for i, j in pairs:
                rows = (x[i], y[j]) if embedded else (None, None)
                total += a[i, j] * structural(structure, t[i], s[j], *rows, tau2, v.edges)
            terms["structure"] = structure_weight * total / mass
        return terms

    return loss


@dataclass(frozen=True)
class Case:
    """Hyperparameters of a method and the reference that its terms must equal.

    `kinds` lists the tasks on which the two are compared.
    """

    reference: Reference
    hyperparameters: dict[str, Any]
    kinds: tuple[str, ...] = ("node", "binary", "regression", "graph")


def case(reference: Reference, *kinds: str, **hyperparameters: Any) -> Case:
    return Case(reference, hyperparameters, kinds or Case.kinds)


KERNELS = ("cosine", "poly", "l2", "rbf")

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
    ],
    "gcrd": [case(gcrd(), projection=16), case(gcrd(2.0, 0.5), beta=2.0, tau2=0.5, projection=9, block=7)],
    "rkd": [case(rkd)],
    "sp": [case(sp)],
    "pkt": [case(pkt), case(pkt, block=5)],
    "nst": [case(nst)],
    "vid": [case(vid)],
    "dkd": [case(dkd)],
    "dist": [case(dist(1.0)), case(dist(3.0), temperature=3.0)],
    "kd-standardised": [case(kd_standardised)],
    "cka": [case(cka)],
    "abkd": [
        case(layer_alignment()),
        case(layer_alignment(3.0, 0.5, "student"), dim=3, beta=3.0, gamma=0.5, axis="student"),
        case(layer_alignment(axis="pairs", dissimilarity="pooled"), dim=6, axis="pairs", dissimilarity="pooled"),
    ],
    "abkd-uniform": [case(layer_alignment(attention=False)), case(layer_alignment(attention=False), dim=2)],
    "abkd-last": [case(layer_alignment(attention=False, last_teacher=True, last_student=True))],
    "abkd-noproj": [case(layer_alignment(basis=False)), case(layer_alignment(basis=False), dim=2)],
    "abkd-pooled": [case(layer_alignment(dissimilarity="pooled"))],
    "abkd-many-to-one": [case(layer_alignment(axis="student", last_student=True), dim=8)],
    "abkd-one-to-many": [case(layer_alignment(last_teacher=True), dim=8)],
    "abkd-axis-student": [case(layer_alignment(axis="student"))],
    "abkd-axis-pairs": [case(layer_alignment(axis="pairs"))],
    "stride": [
        case(layer_alignment(structure="gcrd")),
        case(layer_alignment(structure="gsp", structure_weight=5.0), structure="gsp", structure_weight=5.0),
        case(layer_alignment(structure="lsp", axis="student"), "node", structure="lsp", axis="student"),
    ],
    "stride-structure": [
        case(layer_alignment(beta=0, structure="gcrd", tau2=0.2), tau2=0.2),
        case(layer_alignment(beta=0, structure="lsp", basis=False), "node", structure="lsp"),
    ],
    "stride-embedding": [case(layer_alignment())],
}
