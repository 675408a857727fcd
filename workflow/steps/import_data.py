"""`abkd-bench import-data`: your own data -> a dataset that a configuration names by its id."""

from __future__ import annotations

import argparse
import re
import runpy
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from methods.listing import ANY_ERROR, told
from methods.vocabulary import Objective
from reports.metrics import METRICS
from workflow import catalog
from workflow.datasets import own
from workflow.errors import UserError
from workflow.files import write_json
from workflow.importing import Import
from workflow.task import SPLITS, Task

NAME = r"[a-z0-9][a-z0-9.-]{0,60}"
PARTS = {"train": ("train", "train_mask"), "valid": ("valid", "val", "val_mask"), "test": ("test", "test_mask")}
"""Names that a part of the split goes by."""
ARRAYS = {"features": ("features", "x"), "edge_index": ("edge_index",), "labels": ("labels", "y")}
"""The same of the arrays of one graph."""
OF_MANY = {name: (name,) for name in ("x", "edge_index", "edge_attr", "y")}
"""The same of each of several graphs."""
OF_TYPE = {"x": ("x",)}
"""The same of one type of nodes."""
OF_TARGET = {**OF_TYPE, "y": ("y",), **PARTS}
"""The same of the type with labels."""
OF_RELATION = {"edge_index": ("edge_index",)}
"""The same of one relation."""
SIZE = "num_nodes"
SIZED = f"nodes have x, a row for each, or {SIZE}"
NODES, EDGES = "nodes.csv", "edges.csv"
IDS = {"id", "index", "node", "node_id", "nodeid"}
"""What a column of nodes' numbers is likely called."""
LABELS = "label_"
"""Begins the name of a column of one of several labels."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument(
        "source",
        type=Path,
        help="FILE.py with a function load() that returns PyTorch Geometric's Data or HeteroData, "
        "or (list of Data, split); "
        f"FILE.npz; or a folder with {NODES} and {EDGES}",
    )
    parser.add_argument("--name", required=True, help="id of the dataset")
    parser.add_argument("--title", default="", help="as printed in tables; the id by default")
    parser.add_argument("--metric", default="", choices=sorted(METRICS), help="by default that of the kind of labels")
    parser.add_argument(
        "--objective",
        default="",
        choices=[str(one) for one in Objective],
        help="of the labels, where they look like another",
    )
    parser.add_argument("--replace", action="store_true", help="in place of an earlier import of this name")


def call(arguments: argparse.Namespace) -> None:
    """Imports, and says what to write into a configuration. Raises UserError."""
    name, folder = arguments.name, own.FOLDER / arguments.name
    if not re.fullmatch(NAME, name):
        raise UserError(f"--name: {name}: allowed: small letters, digits, . and -, at most 61")
    if name in catalog.available() and name not in own.NAMES:
        raise UserError(f"--name: {name}: there is a dataset of this id")
    if folder.exists() and not arguments.replace:
        raise UserError(f"{folder}: is there already; --replace puts another import in its place")
    objective = Objective(arguments.objective) if arguments.objective else None
    task = read(arguments.source, Import(name, arguments.metric), objective)
    task.save(folder)
    write_json(folder / own.ABOUT, {"title": arguments.title or name})
    parts = ", ".join(f"{len(task.split(part))} {part}" for part in SPLITS)
    print(f"{folder}: {task.kind} task, {task.outputs} outputs, {task.metric}; {task.num_edges} edges; {parts}")
    print(f"in a configuration: experiments: [{{dataset: {name}, ...}}]")


def read(source: Path, into: Import, objective: Objective | None = None) -> Task:
    """The task in a file or folder. Raises UserError."""
    if source.is_dir():
        return _from_csv(source, into, objective)
    if not source.is_file():
        raise UserError(f"{source}: there is no such file or folder")
    readers: dict[str, Callable[[], Task]] = {
        ".py": lambda: from_pyg(_loaded(source), into, objective),
        ".npz": lambda: _from_npz(source, into, objective),
    }
    if source.suffix not in readers:
        raise UserError(f"{source}: allowed: {', '.join(readers)}, or a folder with {NODES} and {EDGES}")
    return readers[source.suffix]()


def _loaded(source: Path) -> Any:
    """What `load()` of a file returns; its code runs here, and at no other time."""
    try:
        found = runpy.run_path(str(source))
        if not callable(found.get("load")):
            raise UserError(f"{source}: has no function load()")
        return found["load"]()
    except UserError:
        raise
    except ANY_ERROR as error:  # of code that is not ours
        raise UserError(told(error, source)) from error


def from_pyg(data: Any, into: Import, objective: Objective | None = None) -> Task:
    """A task from what PyTorch Geometric holds.

    Args:
        data: a `Data` with x, edge_index, y and masks (or a data set of one); a `HeteroData` of which one type has y
            and masks; or a sequence of `Data` with y, whose split is `{"train": ids, "valid": ids, "test": ids}`, as
            in `return graphs, split`; one may stand beside a single graph, too.
    """
    from torch_geometric.data import Data, Dataset, HeteroData

    graphs, split = (
        data if isinstance(data, tuple) and len(data) == 2 and isinstance(data[1], Mapping) else (data, None)
    )
    if isinstance(graphs, Sequence | Dataset) and len(graphs) == 1 and split is None:
        graphs = graphs[0]
    given = dict(split or {})
    if isinstance(graphs, HeteroData):
        return _from_hetero(graphs, given, into, objective)
    if isinstance(graphs, Data):
        return _one_graph(_with_split(graphs.to_dict(), given, into), into, objective)
    allowed = "`graphs, split` for a list of graphs, with split = {'train': ids, ...}"
    if isinstance(graphs, str) or not isinstance(graphs, Sequence | Dataset):
        raise into.refuse(f"load() must return Data, HeteroData, or {allowed}, not {type(graphs).__name__}")
    try:
        graphs = list(graphs)
    except ANY_ERROR as error:  # of a data set's own code
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise into.refuse(f"load(): its graphs cannot be read: {what}") from error
    if strange := [type(graph).__name__ for graph in graphs if not isinstance(graph, Data)]:
        raise into.refuse(f"load() must return Data, HeteroData, or {allowed}, not a list of {strange[0]}")
    if split is None:
        raise into.refuse(f"load() must return {allowed}")
    known = [
        {**_taken(graph.to_dict(), OF_MANY, into), SIZE: _size(graph, f"graph {number}", into)}
        for number, graph in enumerate(graphs)
    ]
    return into.graphs(known, _taken(given, PARTS, into, "split: "), objective)


def _taken(
    found: Mapping[str, Any], names: Mapping[str, Sequence[str]], into: Import, where: str = ""
) -> dict[str, Any]:
    """The arrays that go by these names, by the first that is there; None where none is. Tells of the others."""
    chosen = {what: next((name for name in known if found.get(name) is not None), "") for what, known in names.items()}
    for name, value in found.items():
        if value is not None and name not in {*chosen.values(), SIZE}:
            into.tell(f"{where}{name}: is not used")
    return {what: _array(found.get(name)) for what, name in chosen.items()}


def _with_split(found: dict[str, Any], split: Mapping[str, Any], into: Import, where: str = "") -> dict[str, Any]:
    """All that is there with the split that was handed over, in place of each part that stands beside the data."""
    if not split:
        return found
    beside = [name for name in found if any(name in names for names in PARTS.values()) and found[name] is not None]
    for name in beside:
        into.tell(f"{where}{name}: is not used")
    return {name: value for name, value in found.items() if name not in beside} | dict(split)


def _from_hetero(data: Any, split: Mapping[str, Any], into: Import, objective: Objective | None) -> Task:
    labelled = [kind for kind in data.node_types if "y" in data[kind]]
    if len(labelled) != 1:
        raise into.refuse(f"one type of nodes must have labels y, not {', '.join(labelled) or 'none'}")
    (target,) = labelled
    if bare := [edge for edge in data.edge_types if "edge_index" not in data[edge]]:
        raise into.refuse(f"{'/'.join(bare[0])}: edge_index is missing")
    if unknown := {end for edge in data.edge_types for end in (edge[0], edge[2])} - set(data.node_types):
        raise into.refuse(f"{min(unknown)}: is at the end of edges, but no type of nodes; {SIZED}")
    sizes = {kind: _size(data[kind], kind, into) for kind in data.node_types}
    counts = {kind: size for kind, size in sizes.items() if size is not None}
    if unsized := [kind for kind in sizes if kind not in counts]:
        raise into.refuse(f"{unsized[0]}: it is not known how many nodes there are; {SIZED}")
    _taken(data.stores[0].to_dict(), {}, into)  # what belongs to no type
    found = _taken(_with_split(data[target].to_dict(), split, into, f"{target}: "), OF_TARGET, into, f"{target}: ")
    features = {
        kind: found["x"] if kind == target else _taken(data[kind].to_dict(), OF_TYPE, into, f"{kind}: ")["x"]
        for kind in data.node_types
    }
    relations = {
        edge: _taken(data[edge].to_dict(), OF_RELATION, into, f"{'/'.join(edge)}: ")["edge_index"]
        for edge in data.edge_types
    }
    there = {kind: x for kind, x in features.items() if x is not None}
    return into.heterogeneous(target, counts, there, relations, found["y"], found, objective)


def _size(store: Any, where: str, into: Import) -> int | None:
    """How many nodes there are by PyTorch Geometric; None where it cannot tell."""
    try:
        return None if store.num_nodes is None else int(store.num_nodes)
    except (TypeError, ValueError, IndexError) as error:
        raise into.refuse(f"{where}: its nodes cannot be counted: {error}; {SIZED}") from error


def _array(value: Any) -> Any:
    """A tensor as an array, a sparse one too; anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    dense = value.detach().cpu().to_dense()
    try:
        return dense.numpy()
    except TypeError:  # numpy has no bfloat16
        return dense.float().numpy()


def _from_npz(source: Path, into: Import, objective: Objective | None) -> Task:
    try:
        with source.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ValueError("holds one array without a name")
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{source}: not an .npz file of plain arrays: {' '.join(str(error).split())}") from error
    return _one_graph(found, into, objective)


def _from_csv(folder: Path, into: Import, objective: Objective | None) -> Task:
    """One graph from two tables.

    nodes.csv has the columns label, or several label_NAME, and split (train, valid, test or empty); every other one is
    a feature; row k is node k. edges.csv has source and target.
    """
    from reports.reading import read_csv

    tables = []
    for file, needed in ((NODES, ("split",)), (EDGES, ("source", "target"))):
        try:
            tables.append(read_csv(folder / file))
        except (OSError, ValueError) as error:
            raise UserError(f"{folder / file}: {' '.join(str(error).split())}") from error
        if missing := [name for name in needed if name not in tables[-1]]:
            raise UserError(f"{folder / file}: the column {missing[0]} is missing; needed: {', '.join(needed)}")
    nodes, edges = tables
    unknown = sorted(set(nodes["split"].dropna()) - set(SPLITS))
    if unknown:
        raise UserError(f"{folder / NODES}: split: {unknown[0]}; allowed: {', '.join(SPLITS)}, or nothing")
    single = "label" in nodes
    like = [name for name in nodes if str(name).startswith("label") and name != "label"]
    several = [name for name in like if str(name).startswith(LABELS)]
    if not single and not several:
        raise UserError(f"{folder / NODES}: the column label is missing; needed: label, or several {LABELS}NAME")
    labels = nodes["label"] if single else nodes[several]
    features = nodes.drop(columns=["split", *(["label"] if single else several)])
    for name in features:
        if str(name).lower() in IDS or str(name).startswith("Unnamed:"):
            why = "would be a feature; rows are the nodes 0, 1, ... in their order, so leave it out, or rename it"
            raise UserError(f"{folder / NODES}: the column {name} {why}")
    for name in like:
        if name in features:
            into.tell(f"{NODES}: the column {name} is a feature")
    if texts := [name for name in features if features[name].dtype.kind not in "fiub"]:
        raise UserError(f"{folder / NODES}: the column {texts[0]} must hold numbers")
    splits = {part: (nodes["split"] == part).to_numpy() for part in SPLITS}
    for name in edges.columns.difference(["source", "target"], sort=False):
        into.tell(f"{EDGES}: the column {name} is not used")
    pairs = edges[["source", "target"]].to_numpy().T
    return into.node(features.to_numpy(), pairs, labels.to_numpy(), splits, objective)


def _one_graph(found: Mapping[str, Any], into: Import, objective: Objective | None) -> Task:
    """A node task from named arrays."""
    taken = _taken(found, ARRAYS | PARTS, into)
    for what, names in ARRAYS.items():
        if taken[what] is None:
            raise into.refuse(f"{what}: is missing; allowed names: {', '.join(names)}")
    return into.node(taken["features"], taken["edge_index"], taken["labels"], taken, objective)
