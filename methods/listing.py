"""What can be named in a configuration is found by listing folders: one file each, whose name is the id."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from methods import plugins

ANY_ERROR = (Exception, SystemExit)
"""Whatever a new file may raise on its import, or while its code runs."""
BROUGHT: dict[str, set[str]] = {}
"""Module that `load` has imported -> all modules that came into this process with it, itself among them."""


def modules(folder: Path) -> dict[str, Path]:
    """Name -> file of every module in a folder, sorted; nothing is imported, and sub-folders hold shared parts.

    A file whose name no import could state (`._kd.py`, which some systems leave beside `kd.py`) is none.
    """
    found = sorted(folder.glob("*.py"))
    return {path.stem: path for path in found if path.stem.isidentifier() and path.stem != "__init__"}


@dataclass(frozen=True)
class Listing:
    """The files of several folders.

    Attributes:
        files: id -> file, sorted; of several the first.
        clashes: id -> one line that names both, where two files have it: neither may be used, for it could be either.
    """

    files: dict[str, Path]
    clashes: dict[str, str]

    def file(self, name: str) -> Path:
        """Of a known id. Raises ValueError where two files have it."""
        if name in self.clashes:
            raise ValueError(self.clashes[name])
        return self.files[name]


def listed(folders: Iterable[Path], told: str = "have the name", id_of: Callable[[str], str] = str) -> Listing:
    """All modules of some folders; that an id is taken hides no other.

    Args:
        told: what two files of one id do.
        id_of: a file's name -> id.
    """
    files: dict[str, Path] = {}
    clashes: dict[str, str] = {}
    for folder in folders:
        for stem, path in modules(folder).items():
            first = files.setdefault(name := id_of(stem), path)
            if first != path:
                clashes.setdefault(name, f"two files {told} '{name}': {shown(first)} and {shown(path)}")
    return Listing(dict(sorted(files.items())), clashes)


def everywhere(own: Path, package: str) -> Listing:
    """The modules of a package's own folder and of the plug-ins' beside it."""
    return listed((own, *plugins.folders(package)))


def load(path: Path, package: str) -> ModuleType:
    """The module of a file that lies in a package's folder, or in a plug-in's.

    Raises:
        ValueError: one line with the file and its own line, for whatever its import raises.
    """
    name = f"{package}.{path.stem}"
    parent = importlib.import_module(package)
    if others := plugins.folders(package):
        parent.__path__ = [next(iter(parent.__path__)), *map(str, others)]
        importlib.invalidate_caches()
    known = sys.modules.get(name)
    if known is not None and Path(str(known.__file__)).resolve() != path.resolve():
        del sys.modules[name]  # of another folder, which was in use before
    elif known is not None:
        return known
    before = set(sys.modules)
    try:
        return importlib.import_module(name)
    except ANY_ERROR as error:
        raise ValueError(told(error, path)) from error
    finally:
        BROUGHT[name] = set(sys.modules) - before


def shown(path: Path) -> Path:
    """A path as seen from the repository, where it lies in there."""
    return path.relative_to(plugins.ROOT) if path.is_relative_to(plugins.ROOT) else path


def told(error: BaseException, path: Path) -> str:
    """One line: a file, the last of its lines that led to an error, and what was raised."""
    where = str(shown(path))
    message = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())
    if message.startswith(where):  # has been told before
        return message
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    own = isinstance(error, SyntaxError) and error.filename in (None, str(path))
    line = getattr(error, "lineno", None) if own else frames[-1] if frames else None
    return f"{where}{f':{line}' if line else ''}: {type(error).__name__}: {message}"
