"""Slow and obvious versions of the losses of layers and rows; tests/methods/reference.py says by which rules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from torch import nn

from tests.baselines.references import kd
from tests.methods.reference import (
    Array,
    Case,
    Reference,
    View,
    case,
    contrast,
    divergence,
    linear,
    log_sigmoid,
    pooled,
    softmax,
    unit,
    weight,
)


def mustad(method: nn.Module, v: View) -> dict[str, float]:
    s, t = linear(method, "head", v.h_student[-1]), v.h_teacher[-1]
    total = sum(divergence(softmax(b), softmax(a)) for a, b in zip(s, t, strict=True))
    softer = v if v.objective == "regression" else replace(v, z_teacher=v.z_teacher / 2)
    return {"prediction": kd(1.0, 1.0)(method, softer)["kd"], "embedding": 0.1 * total / len(s)}


def afd(beta: float, dim: int) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        parts = [np.arange(len(v.h_student[0]))] if v.graph is None else []
        if v.graph is not None:
            parts = [np.flatnonzero(v.graph == g) for g in range(len(v.labels))]
        turned = weight(method, "attention.bilinear.weight").reshape(len(v.h_teacher), dim, dim)
        places = weight(method, "attention.of_teacher") @ weight(method, "attention.of_student").T
        total = 0.0
        for rows in parts:
            keys = [
                np.maximum(linear(method, f"attention.key.{j}", h[rows].mean(0)), 0) for j, h in enumerate(v.h_student)
            ]
            maps = [unit(np.array([np.mean(row**2) for row in h[rows]])) for h in v.h_student]
            for i, h in enumerate(v.h_teacher):
                query = linear(method, f"attention.query.{i}", h[rows].mean(0))
                wanted = unit(np.array([np.mean(row**2) for row in h[rows]]))
                scores = [(sum(turned[i] @ key * query) + places[i, j]) / math.sqrt(dim) for j, key in enumerate(keys)]
                shares = softmax(np.array(scores))
                total += sum(a * sum((m - wanted) ** 2) for a, m in zip(shares, maps, strict=True))
        return {"afd": beta * total / len(parts)}

    return loss


def embedding(method: nn.Module, name: str, row: Array) -> Array:
    return unit(linear(method, f"{name}.2", np.maximum(linear(method, f"{name}.0", unit(row)), 0)))


def semckd(beta: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        student, teacher = ([pooled(h, v) for h in hidden] for hidden in (v.h_student, v.h_teacher))
        ends = np.cumsum([h.shape[1] for h in teacher])[:-1]
        total, n = 0.0, len(student[0])
        for k in range(n):
            keys = [embedding(method, f"key.{i}", h[k]) for i, h in enumerate(teacher)]
            for j, h in enumerate(student):
                query = embedding(method, f"query.{j}", h[k])
                shares = softmax(np.array([sum(query * key) for key in keys]))
                found = np.split(linear(method, f"regressors.{j}", h[k]), ends)
                total += sum(a * np.mean((t[k] - r) ** 2) for a, t, r in zip(shares, teacher, found, strict=True))
        return {"semckd": beta * total / (n * len(student))}

    return loss


def reviewkd(beta: float, share: float) -> Reference:
    """In the first epoch, of a warm-up of 1 / share epochs."""

    def loss(method: nn.Module, v: View) -> dict[str, float]:
        # Both networks of the tests have two hidden layers.
        first, last = (linear(method, f"inward.{j}", pooled(h, v)) for j, h in enumerate(v.h_student))
        gates = 1 / (1 + np.exp(-linear(method, "gates.0", np.concatenate([first, last], 1))))
        mixed = np.array([g[0] * a + g[1] * b for g, a, b in zip(gates, first, last, strict=True)])
        found = linear(method, "outward.0", mixed), linear(method, "outward.1", last)
        errors = [np.mean((x - pooled(h, v)) ** 2) for x, h in zip(found, v.h_teacher, strict=True)]
        return {"review": beta * share * float(sum(errors))}

    return loss


def crd(beta: float = 0.8, tau2: float = 0.07) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        s, t = linear(method, "student_head", v.h_student[-1]), linear(method, "teacher_head", v.h_teacher[-1])
        return {"crd": beta * (contrast(s, t, tau2) + contrast(t, s, tau2))}

    return loss


def cc(beta: float = 100.0, gamma: float = 0.4) -> Reference:
    def value(a: Array, b: Array) -> float:
        cosine = float(sum(unit(a) * unit(b)))
        return math.exp(-2 * gamma) * sum((2 * gamma * cosine) ** p / math.factorial(p) for p in range(3))

    def loss(method: nn.Module, v: View) -> dict[str, float]:
        s, t, n = v.h_student[-1], v.h_teacher[-1], len(v.h_student[-1])
        errors = [(value(s[i], s[j]) - value(t[i], t[j])) ** 2 for i in range(n) for j in range(n)]
        return {"cc": beta * sum(errors) / n**2}

    return loss


def ickd(method: nn.Module, v: View) -> dict[str, float]:
    mapped = v.h_student[-1] @ weight(method, "head.0.weight").T
    normed = (mapped - mapped.mean(0)) / np.sqrt(mapped.var(0) + 1e-5)
    normed = normed * weight(method, "head.1.weight") + weight(method, "head.1.bias")
    s, t = ([unit(np.array([sum(c * other) for other in h.T])) for c in h.T] for h in (normed, v.h_teacher[-1]))
    return {"ickd": 2.5 * sum(sum((a - b) ** 2) for a, b in zip(s, t, strict=True)) / len(t)}


def virtual_teacher(alpha: float, correct: float, tau: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        values = []
        for row, label in zip(v.z_student, v.labels, strict=True):
            if label != -1:
                made = np.full(len(row), (1 - correct) / (len(row) - 1))
                made[int(label)] = correct
                values.append(divergence(softmax(made / tau), softmax(row)))
        return {"virtual": alpha * float(np.mean(values))}

    return loss


def mugsi(method: nn.Module, v: View) -> dict[str, float]:
    s, t = linear(method, "head", pooled(v.h_student[-1], v)), pooled(v.h_teacher[-1], v)
    return {"pool": sum(sum((unit(a) - unit(b)) ** 2) for a, b in zip(s, t, strict=True)) / len(s)}


def graphakd(beta: float, l1: float) -> Reference:
    def loss(method: nn.Module, v: View) -> dict[str, float]:
        def judged(z: Array) -> Array:
            return np.maximum(z + linear(method, "hidden", z), 0) @ weight(method, "verdict.weight").T

        student, teacher = judged(v.z_student), judged(v.z_teacher)
        n, labelled = len(student), [i for i, label in enumerate(v.labels) if label != -1]
        doubt = [-log_sigmoid(teacher[i, 0]) - log_sigmoid(-student[i, 0]) for i in range(n)]
        errors = [-math.log(softmax(d[i, 1:])[int(v.labels[i])]) for i in labelled for d in (student, teacher)]
        return {
            "l1": l1 * float(abs(v.z_student - v.z_teacher).sum()) / n,
            "adversarial": beta / 2 * sum(doubt) / n,
            "class": beta / 2 * sum(errors) / len(labelled),
        }

    return loss


CASES: dict[str, list[Case]] = {
    "mustad": [case(mustad)],
    "afd": [case(afd(200 / 64, 128)), case(afd(2.0, 5), beta=2.0, dim=5)],
    "semckd": [case(semckd(400.0)), case(semckd(2.0), beta=2.0, dim=3, block=5)],
    "reviewkd": [case(reviewkd(1.0, 0.05)), case(reviewkd(3.0, 1.0), beta=3.0, warm_up=1, width=4)],
    "crd": [case(crd(), projection=16), case(crd(2.0, 0.5), beta=2.0, tau2=0.5, projection=9, block=5)],
    "cc": [case(cc()), case(cc(1.0, 0.7), beta=1.0, gamma=0.7, block=5)],
    "ickd": [case(ickd)],
    "virtual-teacher": [
        case(virtual_teacher(0.1, 0.99, 20.0)),
        case(virtual_teacher(0.5, 0.8, 0.2), alpha=0.5, correct=0.8, temperature=0.2),
    ],
    # The student's gradient is reversed on purpose.
    "graphakd-logits": [
        Case(graphakd(1.0, 1.0), {}, gradient=False),
        Case(graphakd(3.0, 0.2), {"beta": 3.0, "l1": 0.2}, gradient=False),
    ],
    "mugsi-pool": [case(mugsi, "graph", "binary", "regression")],
}
