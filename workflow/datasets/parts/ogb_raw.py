"""OGB's raw folders (Hu et al. 2020, arXiv:2005.00687): finding, fetching and reading them. No torch here by itself.

Metadata are OGB's own `master.csv`, read as a file of the installed package; URLs, splits and versions come from
there. Downloads go through OGB's functions, files through its raw readers. What is left out, on purpose: the pickled
`processed/` folder and `split_dict.pt` (`torch.load` runs what it reads, and refuses them since torch 2.6), and the
dataset classes, which ask questions on the terminal before a large download or another version.

A dataset's folder (`ogbn_arxiv` …) is looked for under `settings["ogb_root"]`, which is only ever read, or else under
`data/raw`, into which it is downloaded where it is absent or incomplete. A folder appears there at one stroke, whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import socket
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from workflow.errors import UserError
from workflow.task import SPLITS

DEFAULT_ROOT = Path("data/raw")
DOWNLOAD_ATTEMPTS = 3
SILENCE_SECONDS = 60
REMEDY = "delete the dataset's folder to fetch it again, or restore the file"
# What reading a file that is cut short, garbled or of another shape raises.
BROKEN = (OSError, EOFError, ValueError, KeyError, IndexError, RuntimeError, RuntimeWarning, AssertionError, zlib.error)
WHOLE_NUMBERS = frozenset({"edge", "node-label", "num-node-list", "num-edge-list", *SPLITS})
NUMBERS = frozenset({"node-feat", "edge-feat", "graph-label"})

Result = TypeVar("Result")


@cache
def master(family: str) -> dict[str, dict[str, str]]:
    """OGB's table of one family (`nodeproppred`, `graphproppred`): {dataset: {property: value}}, without importing OGB.

    Raises:
        UserError: OGB is not installed.
    """
    from importlib import metadata

    try:
        path = Path(str(metadata.distribution("ogb").locate_file(f"ogb/{family}/master.csv")))
        with path.open(newline="") as lines:
            header, *rows = csv.reader(lines)
    except (metadata.PackageNotFoundError, OSError) as error:
        raise UserError(f"OGB's {family}/master.csv is not there ({error}): pip install ogb==1.3.6") from error
    return {name: {row[0]: row[i] for row in rows} for i, name in enumerate(header) if name}


def folder(name: str, meta: dict[str, str], files: list[str], settings: Mapping[str, str]) -> Path:
    """Where the raw data of a dataset lie; fetches them if need be.

    Args:
        meta: the dataset's column of `master`.
        files: paths inside the folder that must exist.
        settings: `ogb_root` (optional): an existing OGB root, never written to.

    Raises:
        UserError: a file is missing under `ogb_root`, or the download failed.
    """
    wanted = [f"RELEASE_v{meta['version']}.txt", *files]
    given = settings.get("ogb_root")
    path = Path(given or DEFAULT_ROOT).expanduser() / name.replace("-", "_")
    missing = _missing(path, wanted)
    if missing and given:
        raise UserError(f"{path / missing[0]} is missing; `ogb_root` must hold OGB's own files (unset: download)")
    if missing:
        _download(meta, wanted, path)
    return path


def _missing(path: Path, files: list[str]) -> list[str]:
    return [file for file in files if not (path / file).is_file()]


def _download(meta: dict[str, str], wanted: list[str], path: Path) -> None:
    from ogb.utils.url import download_url, extract_zip

    path.parent.mkdir(parents=True, exist_ok=True)
    reason = ""
    for _ in range(DOWNLOAD_ATTEMPTS):
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as temporary, _timeout():
            found = Path(temporary) / meta["download_name"]
            try:
                # Extraction compares every file with its checksum, so that half an archive is noticed.
                extract_zip(download_url(meta["url"], temporary, log=False), temporary, log=False)
            except (OSError, EOFError, RuntimeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
                if isinstance(error.__context__, KeyboardInterrupt):  # OGB turns it into a RuntimeError
                    raise KeyboardInterrupt from error
                reason = _one_line(error)
                continue
            missing = _missing(found, wanted)
            if not missing:
                if path.exists():
                    shutil.rmtree(path)
                found.rename(path)
                return
            reason = f"the archive has no {missing[0]}"
    raise UserError(f"could not download {meta['url']} ({reason}); put its content at {path}, or set `ogb_root`")


@contextmanager
def _timeout() -> Iterator[None]:
    """A connection that falls silent ends in an error; OGB's functions take no timeout of their own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def read(reader: Callable[[], Result], path: Path, files: list[str]) -> Result:
    """Calls one of OGB's readers, without its chatter.

    Raises:
        UserError: it failed; names the file that is to blame.
    """
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # an empty entry cast to an integer, of whatever value
            return reader()
    except BROKEN as error:
        for file in files:
            _check_file(path / file)
        raise UserError(f"{path}: OGB's reader failed: {_one_line(error)}") from error


def _check_file(path: Path) -> None:
    """Raises UserError where a `.csv.gz` file cannot be unpacked or parsed."""
    import pandas as pd

    if path.suffix != ".gz":
        return
    try:
        with gzip.open(path) as file:
            while file.read(1 << 24):
                pass
        frame = pd.read_csv(path, header=None)
    except BROKEN as error:
        raise UserError(f"{path}: cut short or not a .csv.gz file ({_one_line(error)}); {REMEDY}") from error
    kinds = {"iu": WHOLE_NUMBERS, "iuf": NUMBERS}
    for allowed, names in kinds.items():
        if path.name.removesuffix(".csv.gz") in names and not all(kind.kind in allowed for kind in frame.dtypes):
            raise UserError(f"{path}: has entries that are not {'whole ' * (allowed == 'iu')}numbers; {REMEDY}")


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def table(path: Path) -> np.ndarray:
    """The numbers [rows, columns] of a headerless `.csv.gz` file.

    Raises:
        UserError: the file is broken or has other things than numbers.
    """
    import pandas as pd

    try:
        values = pd.read_csv(path, compression="gzip", header=None).to_numpy()
    except BROKEN as error:
        raise UserError(f"{path}: cut short or not a .csv.gz file ({_one_line(error)}); {REMEDY}") from error
    if values.dtype.kind not in "iuf":
        raise UserError(f"{path}: has entries that are not numbers; {REMEDY}")
    return values


def split(path: Path, units: int) -> dict[str, np.ndarray]:
    """The official split: `split/train` … [k] int64 from the files in `path`.

    Raises:
        UserError: a file is broken, or names an item beyond the `units` there are.
    """
    parts = {}
    for part in SPLITS:
        file = path / f"{part}.csv.gz"
        ids = table(file)[:, 0]
        if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= units:
            raise UserError(f"{file}: must hold whole numbers in 0..{units - 1}, found {ids.min()}..{ids.max()}")
        parts[f"split/{part}"] = ids.astype(np.int64)
    return parts


def class_labels(file: Path, units: int, classes: int) -> np.ndarray:
    """Labels [units] int64 of nodes, from a file of one column.

    Raises:
        UserError: another number of rows, or a label that is no class.
    """
    labels = table(file)[:, 0]
    if len(labels) != units:
        raise UserError(f"{file}: has {len(labels)} rows, but there are {units} nodes")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise UserError(
            f"{file}: labels must be whole numbers in 0..{classes - 1}, found {labels.min()}..{labels.max()}"
        )
    return labels.astype(np.int64)


def check_features(features: np.ndarray | None, file: Path, units: int) -> np.ndarray:
    """The features as they are.

    Raises:
        UserError: there are none, another number of rows, or values that are not finite.
    """
    if features is None or len(features) != units:
        raise UserError(f"{file}: has {0 if features is None else len(features)} rows, but there are {units} nodes")
    if features.dtype.kind == "f" and not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise UserError(f"{file}: row {row} has values that are not finite")
    return features


def check_edges(edges: np.ndarray, file: Path, counts: tuple[int, int]) -> np.ndarray:
    """The edges [2, E] as they are.

    Args:
        counts: nodes of the types at the two ends.

    Raises:
        UserError: fewer or more edges than `num-edge-list` says, or an edge beyond the nodes.
    """
    expected = int(table(file.with_name("num-edge-list.csv.gz")).sum())
    if edges.shape[1] != expected:
        raise UserError(f"{file}: has {edges.shape[1]} edges, but num-edge-list.csv.gz says {expected}")
    for end, count in zip(edges, counts, strict=True):
        if len(end) and (end.min() < 0 or end.max() >= count):
            raise UserError(f"{file}: an edge names node {int(end.max())} or a negative one, but there are {count}")
    return edges
