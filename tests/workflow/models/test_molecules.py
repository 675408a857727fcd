"""Collections of molecules, against plain loops."""

from __future__ import annotations

import numpy as np
import torch

from workflow.models.molecules import Categories


def test_batches_are_those_of_a_plain_loop(task, collection):
    ids = [7, 5, 39, 0, 12]
    batch = collection.batch(torch.tensor(ids))
    arrays = task.arrays
    features, graph, edges, nodes = [], [], [], 0
    for number, i in enumerate(ids):
        first, last = arrays["node_pointers"][i : i + 2]
        features.append(arrays["features"][first:last])
        graph += [number] * (last - first)
        for e in range(*arrays["edge_pointers"][i : i + 2]):
            source, target = arrays["edge_index"][:, e] - first + nodes
            edges.append((target, source, *arrays["edge_features"][e]))
        nodes += last - first
    edges = torch.tensor(np.array(sorted(edges)))
    assert torch.equal(batch.atoms.rows[batch.atoms.code], torch.from_numpy(np.concatenate(features)))
    assert batch.graph.tolist() == graph
    assert batch.graphs == len(ids)
    assert torch.equal(batch.edge_index, edges[:, [1, 0]].T)
    assert torch.equal(batch.bonds.rows[batch.bonds.code], edges[:, 2:])
    assert torch.equal(batch.degree, torch.bincount(batch.targets, minlength=nodes))


def test_a_span_is_the_batch_of_its_graphs(collection):
    span, batch = collection.span(3, 20), collection.batch(torch.arange(3, 20))
    for name in ("pointers", "columns", "rows"):
        assert torch.equal(getattr(span.edges, name), getattr(batch.edges, name)), name
    assert torch.equal(span.graph, batch.graph)
    assert torch.equal(span.atoms.code, batch.atoms.code)
    assert torch.equal(span.bonds.code, batch.bonds.code)


def test_distinct_rows_of_many_columns():
    """More combinations than 64 bits can number."""
    columns = np.random.default_rng(0).integers(0, 1000, (50, 9))
    columns[7] = columns[3]
    found = Categories.of(columns)
    assert len(found.rows) == 49
    assert np.array_equal(found.rows[found.code.long()], columns)


def test_a_few_nodes_of_many_kinds_carry_their_own_rows_alone():
    """Else a mini-batch would encode the rows of the whole collection."""
    columns = np.random.default_rng(0).integers(0, 1000, (500, 2))
    found = Categories.of(columns)
    for index in (torch.tensor([7, 3, 7, 400]), slice(10, 30)):
        some = found.at(index)
        assert len(some.rows) <= len(some.code)
        assert np.array_equal(some.rows[some.code], columns[index])
    assert found.at(slice(None)).rows is found.rows
