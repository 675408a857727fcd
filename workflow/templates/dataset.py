"""TEMPLATE: what the data are, where they come from, and how they are split.

If you only have the data at hand, `abkd-bench import-data` makes a dataset of them without any code.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from methods.vocabulary import Kind, Objective
from workflow.catalog import Facts
from workflow.datasets.parts.csr import symmetric_csr
from workflow.task import Task

# Id -> what is known without the data; preparation fails where the two disagree. A file may hold several datasets.
# The metric is an entry of reports/metrics.py: accuracy, rocauc, ap, rmse.
NAMES = {
    "template": Facts(
        kind=Kind.NODE,
        objective=Objective.MULTICLASS,
        metric="accuracy",
        outputs=2,  # classes
        features=4,  # columns
        title="Template",
        info={"symmetric": True},  # every edge has its reverse
        embedded=True,  # nothing is downloaded
    )
}
# Keys of the configuration's `data` section that `build` reads, such as a folder of raw files.
SETTINGS = ()

NODES = 120


def build(name: str, settings: Mapping[str, str]) -> Task:
    """Reads or makes the data. Raise `workflow.errors.UserError` with the file's name where a raw file is wrong.

    The same call must give the same task: draw from a generator with a seed, and never from global randomness.
    """
    random = np.random.default_rng(0)
    labels = np.arange(NODES) % 2  # [n] int64; of another objective [n, outputs] float32, NaN where unmeasured
    features = random.normal(size=(NODES, 4)) + labels[:, None]  # [n, f]
    # Edges of a ring of each class: [E] ends. `symmetric_csr` adds reverses and drops self-loops and duplicates.
    source = np.arange(NODES)
    pointers, sources = symmetric_csr(source, (source + 2) % NODES, NODES)
    # Disjoint ids; every part holds every class.
    order = random.permutation(NODES)
    train, valid, test = (np.sort(part) for part in np.split(order, [40, 80]))
    arrays: dict[str, np.ndarray] = {
        "features": features.astype(np.float32),
        "labels": labels,
        "pointers": pointers,
        "sources": sources,
        "split/train": train,
        "split/valid": valid,
        "split/test": test,
    }
    # Other kinds have other arrays: workflow/task.py states them, and is what a task is checked against.
    facts = NAMES[name]
    return Task(name, facts.kind, facts.objective, facts.metric, facts.outputs, arrays, dict(facts.info))
