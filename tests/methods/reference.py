"""What the slow versions of all losses are made of: plain loops and float64 numpy, written from the equations alone.

They share no code with `methods`, `baselines` or `abkd`, and read only the weights of a method's heads.
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

    z_student: Array
    z_teacher: Array
    h_student: list[Array]
    h_teacher: list[Array]
    labels: Array
    edges: Array
    graph: Array | None
    objective: str


Reference = Callable[[nn.Module, View], dict[str, float]]


def weight(module: Any, name: str) -> Array:
    value = module.state_dict()[name]  # a fixed projection is a buffer
    return value.double().numpy()


# Elementary pieces


def linear(method: nn.Module, name: str, x: Array) -> Array:
    """One row or several through a linear layer with a bias."""
    return x @ weight(method, f"{name}.weight").T + weight(method, f"{name}.bias")


def pooled(h: Array, v: View) -> Array:
    """Means over graphs; the rows themselves where there are none."""
    if v.graph is None:
        return h
    return np.array([h[v.graph == g].mean(0) for g in range(len(v.labels))])


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
    """KL(p || q); the teacher's distribution comes first, as in the equation."""
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


# Structures of nodes, for the baselines and for STRIDE


def local_structure(student: Array, teacher: Array, edges: Array, name: str) -> float:
    total = 0.0
    for i in range(len(student)):
        near = neighbours(edges, i)
        if near:
            of_student, of_teacher = (
                softmax(np.array([kernel(name, h[i], h[j]) for j in near])) for h in (student, teacher)
            )
            total += divergence(of_teacher, of_student)
    return total


def global_structure(student: Array, teacher: Array, name: str) -> float:
    n = len(student)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    total = sum((kernel(name, student[i], student[j]) - kernel(name, teacher[i], teacher[j])) ** 2 for i, j in pairs)
    return total / n**2


def contrast(student: Array, teacher: Array, tau2: float) -> float:
    total = 0.0
    for i, own in enumerate(student):
        scores = np.array([sum(unit(own) * unit(other)) / tau2 for other in teacher])
        total -= math.log(softmax(scores)[i])
    return total / len(student)


@dataclass(frozen=True)
class Case:
    """Hyperparameters of a method and the reference that its terms must equal.

    `kinds` lists the tasks on which the two are compared; `gradient` says whether finite differences of the value are
    the gradient: not where the method holds something of the student fixed.
    """

    reference: Reference
    hyperparameters: dict[str, Any]
    kinds: tuple[str, ...] = ("node", "binary", "regression", "graph")
    gradient: bool = True


def case(reference: Reference, *kinds: str, **hyperparameters: Any) -> Case:
    return Case(reference, hyperparameters, kinds or Case.kinds)
