"""The slow and obvious version of ABKD, STRIDE and their variants; tests/methods/reference.py says by which rules.

A file in `abkd/` without an entry in CASES fails the build.
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
    global_structure,
    local_structure,
    pooled,
    softmax,
    unit,
    weight,
)


def per_layer(stacked: Array, layers: list[Array]) -> list[Array]:
    """The matrix [d, d_l] of every layer, from the parameter that stacks their transposes."""
    result, start = [], 0
    for h in layers:
        result.append(stacked[start : start + h.shape[1]].T)
        start += h.shape[1]
    return result


def attend(method: nn.Module, s: list[Array], t: list[Array], axis: str, apart: bool) -> Array:
    w = per_layer(weight(method, "attention.query.weight"), t)
    u = per_layer(weight(method, "attention.key.weight"), s)
    scores = np.empty((len(t), len(s)))
    for i in range(len(t)):
        for j in range(len(s)):
            query, key = w[i] @ t[i].mean(0), u[j] @ s[j].mean(0)
            scores[i, j] = sum(query * key) / math.sqrt(len(query))
            if apart and (i == len(t) - 1) != (j == len(s) - 1):
                scores[i, j] = -math.inf
    if axis == "teacher":
        return np.array([softmax(row) for row in scores])
    if axis == "student":
        return np.array([softmax(column) for column in scores.T]).T
    return softmax(scores.ravel()).reshape(scores.shape)


def project(method: nn.Module, layers: list[Array], side: str, basis: bool) -> list[Array]:
    p = weight(method, "subspace.basis") if basis else np.eye(method.dim)
    heads = per_layer(weight(method, f"subspace.{side}.weight"), layers)
    return [np.array([p @ (m @ row) for row in h]) for m, h in zip(heads, layers, strict=True)]


def unexplained(s: Array, t: Array, dim: int) -> float:
    """2 - 2 R2 of the least squares of T's leading components on S with a small ridge, from its normal equations."""
    s, t = s - s.mean(0), t - t.mean(0)
    left, singular, _ = np.linalg.svd(t, full_matrices=False)
    leading = left[:, :dim] * singular[:dim]
    if not (leading**2).sum() / len(t) > 1e-10:
        return 2.0
    own = s.T @ s / len(s)
    ridge = 1e-3 * np.trace(own) / len(own) + 1e-5
    crossed = s.T @ leading / len(s)
    explained = np.trace(crossed.T @ np.linalg.inv(own + ridge * np.eye(len(own))) @ crossed)
    return 2 - 2 * explained * len(s) / (leading**2).sum()


def regressed(r: Array, s: Array, t: Array) -> float:
    """Twice the mean squared distance of T's centred rows from R' times S's, over T's variance."""
    s, t = s - s.mean(0), t - t.mean(0)
    distance = sum(sum((row - r.T @ own) ** 2) for row, own in zip(t, s, strict=True))
    return 2 * distance / (t**2).sum() if (t**2).sum() > 1e-10 * len(t) else 2.0


def principal(h: Array, dim: int) -> Array:
    """Rows are the leading directions of H, by a singular value decomposition; the largest entry is positive."""
    found = np.zeros((dim, h.shape[1]))
    for k, direction in enumerate(np.linalg.svd(h - h.mean(0), full_matrices=False)[2][:dim]):
        found[k] = direction * np.sign(direction[np.argmax(abs(direction))])
    return found


def structural(name: str, s: Array, t: Array, projected: tuple[Array, ...], tau2: float, edges: Array) -> float:
    """R_ij of one pair of layers; `projected` holds both layers in the shared subspace where it is needed."""
    if name == "gcrd":
        return contrast(*projected, tau2)
    if name == "gsp":
        return global_structure(s, t, "cosine")
    return local_structure(s, t, edges, "cosine") / len(s)


def layer_alignment(
    beta: float = 10.0,
    gamma: float = 0.1,
    axis: str = "teacher",
    dissimilarity: str = "node",
    attention: bool = True,
    trained: bool = False,
    logits: bool = True,
    last_teacher: bool = False,
    last_student: bool = False,
    structure: str = "",
    structure_weight: float = 0.1,
    tau2: float = 0.075,
    apart: bool = False,
    values: str = "random",
) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        s = [*(pooled(h, v) for h in v.h_student), *([v.z_student] if logits else [])][-1 if last_student else 0 :]
        t = [*(pooled(h, v) for h in v.h_teacher), *([v.z_teacher] if logits else [])][-1 if last_teacher else 0 :]
        pairs = [(i, j) for i in range(len(t)) for j in range(len(s))]

        a = attend(method, s, t, axis, apart) if attention else np.full((len(t), len(s)), 1.0 / len(s))
        if apart and not attention:
            a[:-1, :-1], a[:-1, -1], a[-1, :-1], a[-1, -1] = 1 / (len(s) - 1), 0, 0, 1
        mass = a.sum()

        terms: dict[str, float] = {}
        if trained:
            p = weight(method, "subspace.basis")
            terms["orthonormality"] = gamma * ((p.T @ p - np.eye(len(p))) ** 2).sum()
        embedded = dissimilarity not in ("regression", "regressor") and (beta > 0 or structure == "gcrd")
        projected_s = project(method, s, "student", trained) if embedded else []
        projected_t = project(method, t, "teacher", trained) if embedded else []
        if values == "principal":
            projected_t = [h @ principal(h, method.dim).T for h in t]
        standard_s, standard_t = [batch_norm(h) for h in projected_s], [batch_norm(h) for h in projected_t]
        if beta:
            total = 0.0
            for i, j in pairs:
                if dissimilarity == "regression":
                    d = unexplained(s[j], t[i], method.dim)
                elif dissimilarity == "regressor":
                    above, left = sum(h.shape[1] for h in s[:j]), sum(h.shape[1] for h in t[:i])
                    stacked = weight(method, "regressors.weight")
                    r = stacked[above : above + s[j].shape[1], left : left + t[i].shape[1]]
                    d = regressed(r, s[j], t[i])
                elif dissimilarity == "pooled":
                    d = sum((unit(projected_s[j].mean(0)) - unit(projected_t[i].mean(0))) ** 2)
                else:
                    # Their mean squared distance, but for batch norm's eps, which leaves mean squares a little below 1.
                    d = 2 - 2 * (standard_s[j] * standard_t[i]).mean()
                total += a[i, j] * d
            terms["alignment"] = beta * total / mass
        if structure:
            total = 0.0
            for i, j in pairs:
                projected = (standard_s[j], standard_t[i]) if embedded else ()
                total += a[i, j] * structural(structure, s[j], t[i], projected, tau2, v.edges)
            terms["structure"] = structure_weight * total / mass
        return terms

    return loss


CASES: dict[str, list[Case]] = {
    "abkd": [
        case(layer_alignment()),
        case(layer_alignment(3.0, axis="student"), dim=3, beta=3.0, axis="student"),
        case(layer_alignment(axis="pairs", dissimilarity="pooled"), dim=6, axis="pairs", dissimilarity="pooled"),
        case(layer_alignment(logits=False), logits=False),
        case(layer_alignment(apart=True), logits="apart"),
        case(layer_alignment(apart=True, attention=False), logits="apart", attention="uniform"),
        case(layer_alignment(values="principal"), dim=4, values="principal"),
        case(layer_alignment(3.0, dissimilarity="regressor"), beta=3.0, dissimilarity="regressor"),
    ],
    "abkd-trained-values": [
        case(layer_alignment(1.0, trained=True)),
        case(layer_alignment(3.0, 0.5, trained=True), dim=5, beta=3.0, gamma=0.5),
    ],
    "abkd-regression": [
        case(layer_alignment(dissimilarity="regression")),
        case(layer_alignment(2.0, dissimilarity="regression", logits=False), dim=3, beta=2.0, logits=False),
    ],
    "abkd-uniform": [case(layer_alignment(attention=False)), case(layer_alignment(attention=False), dim=2)],
    "abkd-last": [case(layer_alignment(attention=False, last_teacher=True, last_student=True))],
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
        case(layer_alignment(beta=0, structure="lsp"), "node", structure="lsp"),
    ],
    "stride-embedding": [case(layer_alignment())],
}
