"""OGB's raw folders (Hu et al. 2020, arXiv:2005.00687): finding, fetching and reading them. No torch here by itself.

Metadata are OGB's own `master.csv`, read as a file of the installed package; URLs, splits and versions come from
there. Downloads go through OGB's functions, files through its raw readers. What is left out, on purpose: the pickled
`processed/` folder and `split_dict.pt` (`torch.load` runs what it reads, and refuses them since torch 2.6), and the
dataset classes, which ask questions on the terminal before a large download or another version.

A dataset's folder (`ogbn_arxiv` …, or `ogbn_arxiv_pyg` and `ogbn_arxiv_dgl`, which OGB takes, too) is looked for under
`settings["ogb_root"]`, which is only ever read, or else under `data/raw`, into which it is downloaded where it is
absent or incomplete. A folder appears there at one stroke, whole.
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
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from methods.vocabulary import Objective
from workflow.arrays import beyond
from workflow.datasets.parts.files import most_complete, root
from workflow.errors import UserError
from workflow.task import SPLITS

OLD_SUFFIXES = ("_pyg", "_dgl")
DOWNLOAD_ATTEMPTS, SILENCE_SECONDS = 3, 60
REMEDY = "delete the dataset's folder to fetch it again, or restore the file"
WHOLE_NUMBERS, NUMBERS = b"0123456789-,\r\n", b"0123456789-,\r\n+.eE"
CONTENT = {
    **dict.fromkeys(("num-node-list", "num-edge-list", *SPLITS), (WHOLE_NUMBERS, 1)),
    "edge": (WHOLE_NUMBERS, 2),
    "node-label": (WHOLE_NUMBERS, None),
    "node-feat": (NUMBERS, None),
    "edge-feat": (NUMBERS, None),
}
"""What files of these names are made of, and their columns where these are the same for all datasets."""
MOST = 2**31 - 1

if TYPE_CHECKING:
    from pandas import DataFrame

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
    path = root(given) / name.replace("-", "_")
    places = [path, *(path.with_name(path.name + suffix) for suffix in OLD_SUFFIXES)]
    found, missing = most_complete(places, wanted)
    if missing and given:
        expected = " or ".join(map(str, places))
        raise UserError(f"{found / missing[0]} is missing; `ogb_root` must hold OGB's own files in {expected}")
    if missing:
        _download(meta, wanted, path)
        return path
    return found


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
            missing = most_complete([found], wanted)[1]
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


def rows(path: Path, files: list[str]) -> dict[str, int]:
    """Rows of each file of numbers in a dataset's folder.

    OGB's readers take what they are given: they drop rows that no list counts, and round fractions down.

    Raises:
        UserError: a file is broken, has another number of columns than belongs there, or something beside numbers.
    """
    found = {}
    for file in files:
        content = CONTENT.get(Path(file).name.removesuffix(".csv.gz"))
        if content:
            found[file] = _rows(path / file, *content)
    return found


def _rows(path: Path, allowed: bytes, columns: int | None) -> int:
    count, last = 0, b"\n"
    try:
        with gzip.open(path) as file:
            first = len(file.readline().split(b","))
            file.seek(0)
            while text := file.read(1 << 24):
                if text.translate(None, allowed):
                    kind = "whole numbers" if allowed == WHOLE_NUMBERS else "numbers"
                    raise UserError(f"{path}: has entries that are not {kind}; {REMEDY}")
                count += text.count(b"\n")
                last = text
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cut short or not a .csv.gz file ({_one_line(error)}); {REMEDY}") from error
    if columns not in (None, first):
        raise UserError(f"{path}: has {first} columns, but {columns} belong there")
    return count + (not last.endswith(b"\n"))


def read(reader: Callable[[], Result], path: Path, files: list[str]) -> Result:
    """Calls one of OGB's readers, without its chatter.

    Raises:
        UserError: it failed; names the file that is to blame.
    """
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # an empty entry cast to an integer, of whatever value
            return reader()
    except Exception as error:  # of a broken file a reader can raise anything
        for file in files:
            if (path / file).suffix == ".gz":
                _frame(path / file)
        raise UserError(f"{path}: OGB's reader failed: {_one_line(error)}") from error


def _frame(path: Path) -> DataFrame:
    """A headerless `.csv.gz` file; raises UserError where it cannot be unpacked or parsed, or lacks whole numbers."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns of several types, which are refused below
            frame = pd.read_csv(path, compression="gzip", header=None)
    except Exception as error:  # of a broken file pandas can raise anything
        raise UserError(f"{path}: cut short or not a .csv.gz file ({_one_line(error)}); {REMEDY}") from error
    allowed = CONTENT.get(path.name.removesuffix(".csv.gz"), (NUMBERS, None))[0]
    if allowed == WHOLE_NUMBERS and not all(kind.kind in "iu" for kind in frame.dtypes):
        raise UserError(f"{path}: has entries that are not whole numbers; {REMEDY}")
    return frame


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def table(path: Path) -> np.ndarray:
    """The numbers [rows, columns] of a headerless `.csv.gz` file.

    Raises:
        UserError: the file is broken or has other things than numbers.
    """
    values: np.ndarray = _frame(path).to_numpy()
    if values.dtype.kind not in "iuf":
        raise UserError(f"{path}: has entries that are not numbers; {REMEDY}")
    return values


def column(path: Path, bound: int) -> np.ndarray:
    """The whole numbers [rows] int64 of a file of one column.

    Raises:
        UserError: as `table`, and for several columns, or a number that does not lie in 0 to below `bound`.
    """
    values = table(path)
    if values.shape[1] != 1:
        raise UserError(f"{path}: has {values.shape[1]} columns, but 1 belongs there")
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= bound:
        found = f"{values.min()}..{values.max()}"
        raise UserError(f"{path}: must hold whole numbers in 0..{bound - 1}, found {found}")
    return values[:, 0].astype(np.int64)


def split(path: Path, units: int) -> dict[str, np.ndarray]:
    """The official split: `split/train` … [k] int64 from the files in `path`.

    Raises:
        UserError: a file is broken, or names an item beyond the `units` there are.
    """
    return {f"split/{part}": column(path / f"{part}.csv.gz", units) for part in SPLITS}


def labels(file: Path, units: int, outputs: int, objective: Objective) -> np.ndarray:
    """Classes [units] int64, or targets [units, outputs] float32 with NaN where an entry is empty.

    Raises:
        UserError: another shape, or a label that is no class, not 0 or 1 in a binary task, or infinite.
    """
    if objective == Objective.MULTICLASS:
        if len(classes := column(file, outputs)) != units:
            raise UserError(f"{file}: has {len(classes)} rows, but there are {units} nodes")
        return classes
    targets = table(file).astype(np.float32)
    if targets.shape != (units, outputs):
        raise UserError(f"{file}: has {targets.shape} rows and columns, but ({units}, {outputs}) belong there")
    if objective == Objective.BINARY and not np.isin(targets[~np.isnan(targets)], (0.0, 1.0)).all():
        raise UserError(f"{file}: labels must be 0, 1 or empty")
    if np.isinf(targets).any():
        raise UserError(f"{file}: labels must be finite or empty")
    return targets


def check_features(features: np.ndarray | None, file: Path, rows: int, units: int, of: str = "nodes") -> np.ndarray:
    """The features as they are.

    Args:
        rows: of the file.
        of: what has them.

    Raises:
        UserError: there are none, another number of rows, or values that are not finite.
    """
    if features is None or not len(features) == rows == units:
        raise UserError(f"{file}: has {rows} rows, but there are {units} {of}")
    if features.dtype.kind == "f" and not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise UserError(f"{file}: row {row} has values that are not finite")
    return features


def check_edges(edges: np.ndarray, file: Path, rows: int, counts: tuple[int, int]) -> np.ndarray:
    """The edges [2, E] as they are.

    Args:
        rows: of the file.
        counts: nodes of the types at the two ends.

    Raises:
        UserError: fewer or more edges than `num-edge-list` says, or an edge beyond the nodes.
    """
    expected = int(column(file.with_name("num-edge-list.csv.gz"), MOST).sum())
    if not edges.shape[1] == rows == expected:
        raise UserError(f"{file}: has {rows} edges, but num-edge-list.csv.gz says {expected}")
    for end, count in zip(edges, counts, strict=True):
        if (wrong := beyond(end, count)) is not None:
            raise UserError(f"{file}: an edge names node {wrong}, but there are {count}, numbered from 0")
    return edges
