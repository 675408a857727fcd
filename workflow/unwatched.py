"""Code that methods, networks and datasets bring with them and that no digest of `workflow.sources` knows.

An import is followed where its file can be told from the importing file alone: in the repository and in plug-ins. A
module from elsewhere (on PYTHONPATH, installed as editable, below a folder that was put on `sys.path`), or one that is
named only while the code runs, could change without a word: what it brings is refused. Packages below site-packages
are not looked at. Imports no torch.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import methods
from methods import listing, plugins
from workflow import sources
from workflow.errors import UserError
from workflow.specs import CellSpec, TeacherSpec

OWN = {"method": ("abkd", "baselines"), "training": (plugins.KINDS["networks"],), "data": (plugins.KINDS["datasets"],)}
"""Kind of work -> where the files lie that a configuration names for it; the rest of the repository is followed."""
INSTALLED = {"site-packages", "dist-packages"}
MAIN = {"__main__", "__mp_main__"}
"""The step itself, which a process beside it (of OGB's readers, say) loads again under the second name."""
Works = dict[str, Sequence[str]]
"""Kind of work of `sources.RESTS_ON` -> the names that it is given."""


class Watch:
    """Looks at what the trainings of a spec import, from now on."""

    def __init__(self, spec: TeacherSpec | CellSpec) -> None:
        self.spec = spec
        self._before, self._looked = set(sys.modules), False

    def look(self) -> None:
        """Raises UserError for the first file found. Looks at nothing twice: most seeds import nothing more."""
        now = set(sys.modules)
        if self._looked and now == self._before:
            return
        works: Works = {"training": [str(self.spec.model["model"])]}
        if isinstance(self.spec, CellSpec):
            networks = [str(network["model"]) for network in (self.spec.model, self.spec.teacher_model)]
            works = {"training": networks, "method": methods.modules(self.spec.method_id)}
        refuse(self.spec.key, works, now - self._before)
        self._before, self._looked = now, True


def refuse(where: str, works: Works, brought: Iterable[str] = ()) -> None:
    """Raises UserError for the first line of `told`."""
    for line in told(works, brought):
        raise UserError(f"{where}: {line}")


def told(works: Works, brought: Iterable[str] = ()) -> Iterator[str]:
    """One line for every file that loaded code of these names has imported and that is not followed.

    Args:
        brought: names of more modules that it has imported.
    """
    followed: dict[Path, None] = {}
    asked = dict.fromkeys(brought)
    for work, names in works.items():
        followed |= dict.fromkeys(sources.followed(work, *names))
        for root in sources.RESTS_ON[work].modules:
            for name in names if "{}" in root else ():
                asked |= dict.fromkeys(sorted(listing.BROUGHT.get(root.format(name), ())))
    for path in followed:  # what was loaded before by somebody else counts, too
        asked |= dict.fromkeys(sources.named(path))
    known = {path.resolve() for path in followed}
    for name in asked:
        file = _file(name, tuple(place for work in works for place in OWN[work]))
        if file and file not in known:
            known.add(file)
            yield (
                f"imports {name} ({listing.shown(file)}), which no result rests on: a change of it would go unseen; "
                "state it as an import of baselines.MY_PARTS.NAME, a file of MY_PARTS/ beside the methods "
                "(workflow.datasets and workflow.models.architectures likewise), or install it, not as editable"
            )


def _file(name: str, own: tuple[str, ...]) -> Path | None:
    """The file of a loaded module that has to be followed; None for the repository's own code, Python and packages."""
    first, file = name.partition(".")[0], _of(name)
    if name in MAIN:
        return None
    if file is None or first in sources.PACKAGES:
        counts = file is not None and any(name.startswith(f"{place}.") for place in own)
        ours = file is not None and file.name == "__init__.py" and file.is_relative_to(sources.ROOT)
        return file if counts and not ours else None
    if any(file.is_relative_to(folder) for folder in plugins.active()):
        return file
    top = _of(first) or file  # what an installed package writes while it runs lies in a folder for temporary files
    python = Path(sysconfig.get_path("stdlib")).resolve()
    return None if INSTALLED & set(top.parts) or top.is_relative_to(python) else file


def _of(name: str) -> Path | None:
    """The file of a loaded module, wherever links lead; None for what has none."""
    file = getattr(sys.modules.get(name), "__dict__", {}).get("__file__")
    return Path(file).resolve() if isinstance(file, str) else None
