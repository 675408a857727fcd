"""Raw files -> one prepared Task on disk."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from workflow import catalog, prepared, unwatched
from workflow.errors import command


@command
def main() -> None:
    """Called by the rule `prepare`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("folder", type=Path, help="where the task goes; replaced at one stroke")
    parser.add_argument("--settings", type=json.loads, default={}, help="the config's `data` section as JSON")
    arguments = parser.parse_args()
    started = time.perf_counter()
    code, before = prepared.code_of(arguments.dataset), set(sys.modules)
    task = catalog.build(arguments.dataset, arguments.settings)
    loader = catalog.loader(arguments.dataset)
    unwatched.refuse(arguments.dataset, {"data": [loader]}, set(sys.modules) - before)
    prepared.save(task, arguments.folder, code, arguments.settings)
    print(
        f"{task.name}: {len(task.labels)} items, {task.num_edges} edges, {time.perf_counter() - started:.1f} s, "
        f"fingerprint {task.fingerprint[:16]}"
    )


if __name__ == "__main__":
    main()
