"""Rows of measurements, whether they reach what is wanted, and the two files that hold them."""

from __future__ import annotations

import datetime
import json
import operator
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from tests.benchmarks.settings import Settings
from workflow.files import read_json, replacing
from workflow.steps.collect import processor
from workflow.training.provenance import commit

Row = dict[str, Any]
SIGNS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Table:
    """Rows of one kind.

    Args:
        about: Markdown that says what is compared and what the numbers are.
    """

    about: str
    rows: list[Row]


def spread(name: str, values: Sequence[float]) -> Row:
    """The median of repeats, the lowest and the highest."""
    return {
        name: float(np.median(values)),
        f"{name}_low": float(np.min(values)),
        f"{name}_high": float(np.max(values)),
    }


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """B of values ~ sizes^b, by least squares in log-log."""
    slope, _ = np.polyfit(np.log(sizes), np.log(values), 1)
    return float(slope)


def judge(row: Row, **wanted: str) -> Row:
    """The row with what is wanted of its columns, such as `ratio=">= 8"`, and whether that is reached."""
    missed = [name for name, condition in wanted.items() if not _holds(row[name], condition)]
    conditions = ", ".join(f"{name} {condition}" for name, condition in wanted.items())
    return {**row, "wanted": conditions, "reached": "NO: " + ", ".join(missed) if missed else "yes"}


def _holds(value: float, condition: str) -> bool:
    sign, limit = condition.split()
    return SIGNS[sign](value, float(limit))


def say(part: str, row: Row) -> None:
    """A progress line: the row's columns that are not empty."""
    print(f"{part}: " + ", ".join(f"{name} {value}" for name, value in shown(row).items() if value), flush=True)


def shown(row: Row) -> dict[str, str]:
    """A row as text; NAME, NAME_low and NAME_high become one column."""
    texts = {}
    for name, value in row.items():
        if name.endswith(("_low", "_high")) and name.rsplit("_", 1)[0] in row:
            continue
        texts[name] = _text(value)
        if f"{name}_low" in row:
            texts[name] += f" ({_text(row[f'{name}_low'])}-{_text(row[f'{name}_high'])})"
    return texts


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def circumstances(settings: Settings) -> dict[str, Any]:
    """Where and when a part ran; `load_before` is the number of busy processes beside it."""
    return {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "torch": torch.__version__,
        "threads": settings.threads,
        "nodes": settings.arxiv_nodes,
        "repeats": settings.repeats,
        "isolated": settings.isolated,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "load_before": os.getloadavg()[0],
    }


def keep(folder: Path, part: str, about: dict[str, Any], tables: list[Table]) -> None:
    """Puts one part in the place of its older self in bench.json, and writes bench.md anew."""
    file = folder / "bench.json"
    known = read_json(file).get("parts", {}) if file.exists() else {}
    known[part] = {**about, "tables": [{"about": table.about, "rows": table.rows} for table in tables]}
    with replacing(file) as temporary:
        # Keys keep their order: it is that of the columns.
        temporary.write_text(json.dumps({"parts": known}, indent=1, allow_nan=False) + "\n")
    with replacing(folder / "bench.md") as temporary:
        temporary.write_text(markdown(known))


def markdown(parts: dict[str, Any]) -> str:
    """The report: one section per part."""
    lines = ["# Benchmarks", ""]
    for name, part in sorted(parts.items()):
        machine = part["machine"]
        lines += [
            f"## {name}",
            "",
            f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; torch {part['torch']}, "
            f"{part['threads']} thread(s) per process, {part['repeats']} repeats, arxiv-sized graph of "
            f"{part['nodes']:,} nodes; {part['date']}, commit {part['commit']}, {part['seconds']:.0f} s, "
            f"load of the machine before {part['load_before']:.1f}. Epochs and losses are timed by the clock of their "
            "process where it has one thread, so that other load disturbs them less; whole processes by the wall's.",
            "",
        ]
        if not part["isolated"]:
            lines += ["All in one process: figures of memory mean nothing.", ""]
        for table in part["tables"]:
            frame = pd.DataFrame([shown(row) for row in table["rows"]]).fillna("")
            lines += [table["about"], "", frame.to_markdown(index=False, disable_numparse=True), ""]
    return "\n".join(lines)
