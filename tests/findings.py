"""Every number of docs/findings.md, worked out from the stored rows. `python -m tests.findings` writes them anew.

A number of that page stands before a comment that says where it is from, `<!--=RUN STUDENT METHOD WHAT-->`:

    kd gains 3.1 <!--=quick mlp-2x67 kd-tuned gain--> points

STUDENT is `DATASET/STUDENT` where a student of this name stands on several data sets, and `TEACHER:STUDENT` where it
has several teachers. WHAT is a column of `comparisons.csv` (against the run's reference), the same against another
method (`difference@gcrd-tuned`), or `gain` (mean paired difference to the floor). Of METHOD `teacher` there are `mean`
and `std`. `published@N` is what the Nth source prints of it (`reports/published.yaml`). Of the RUN `all` STUDENT is a
reference, and WHAT of `abkd-bench tally` over all runs: `places`, `better`, `neither`, `worse` or `median`.
Everything is worked out anew from `runs.csv`, so that no stored table can be older than its rows.

Written anew, each number keeps its decimals; the words around it are for a person to read again, which is why every
change is printed. So is the table of all runs, by the command below it.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from functools import cache
from pathlib import Path
from unittest import mock

from reports import published, results, tally
from reports.attempts import Verdict
from reports.comparisons import Comparison
from reports.findings import Findings
from reports.reading import read_object
from reports.results import Family
from reports.settings import Settings
from workflow import cli

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "findings.md"
STORED = ROOT / "docs" / "results"
RUNS = sorted(folder.name for folder in STORED.iterdir() if (folder / "runs.csv").exists())
TOLD = re.compile(r"([+−-]?\d+(?:\.\d+)?)( %)? <!--=(\S+) (\S+) (\S+) (\S+)-->")
COMMAND = re.compile(r"^    abkd-bench tally docs/results/\*/ (.*)$", re.MULTILINE)
TABLE = re.compile(r"^\|.*(?:\n\|.*)*", re.MULTILINE)


@cache
def findings(run: str, reference: str = "") -> Findings:
    stated = read_object(STORED / run / "report.json")
    settings = Settings.parse(stated | ({"reference": reference} if reference else {}))
    return Findings.of(results.load(STORED / run, settings), settings)


def against_floor(run: str) -> dict[Family, dict[str, Comparison]]:
    found = findings(run)
    return {family: {row.method: row for row in rows} for family, rows in found.gains.items()}


@cache
def read(run: str) -> tally.Run:
    return tally.Run.read(STORED / run)


@cache
def tallied(reference: str) -> dict[str, tally.Tally]:
    places = (place for run in RUNS for place in read(run).against(reference))
    return tally.tally(tally.once(places)[0])


def counted(reference: str, method: str, what: str) -> float:
    own = tallied(reference)[method]
    verdicts = {"better": Verdict.BETTER, "neither": Verdict.NOT_SIGNIFICANT, "worse": Verdict.WORSE}
    others = {"places": own.places, "median": own.difference}
    return own.counts[verdicts[what]] if what in verdicts else others[what]


def value(run: str, student: str, method: str, what: str) -> float:
    if run == "all":
        return counted(student, method, what)
    what, _, reference = what.partition("@")
    dataset, _, student = student.rpartition("/")
    teacher, _, student = student.rpartition(":")
    stated = {"dataset": dataset, "teacher": teacher, "student": student}
    place = {part: name for part, name in stated.items() if name}
    if what == "published":
        printed = place | {"method": method}
        rows = [row for row in published.rows(findings(run)) if printed.items() <= vars(row).items()]
        return rows[int(reference) - 1].published_mean
    compared = findings(run, reference).comparisons
    (family,) = (family for family in compared if place.items() <= family._asdict().items())
    if method == "teacher":
        rows = findings(run).results.runs.query("method == 'teacher'")
        scores = rows[(rows["dataset"] == family.dataset) & (rows["teacher"] == family.teacher)]["test"]
        return float({"mean": scores.mean(), "std": scores.std()}[what]) * findings(run).metric(family).scale
    found = against_floor(run)[family] if what == "gain" else {r.method: r for r in compared[family]}
    row = found[method]
    scale = findings(run).metric(family).scale if what in ("mean", "std", "difference", "gain") else 1.0
    return float(getattr(row, "difference" if what == "gain" else what)) * scale


def text_of(number: float, as_in: str) -> str:
    """A number with the decimals of a text, and with a sign where that has one."""
    sign = "" if as_in[0].isdigit() else "+"
    return f"{number:{sign}.{len(as_in.partition('.')[2])}f}".replace("-", "−")


def told(match: re.Match[str]) -> str:
    """A number of the page and its source, as the rows have it now."""
    text, percent, *source = match.groups(default="")
    now = text_of(value(*source), text)
    if now != text:
        print(f"{' '.join(source)}: {text} is {now}")
    return f"{now}{percent} <!--={' '.join(source)}-->"


def table_and_legend(page: str) -> tuple[str, str]:
    """What the command on the page prints."""
    (options,) = COMMAND.findall(page)
    arguments = ["abkd-bench", "tally", *(str(STORED / run) for run in RUNS), *shlex.split(options)]
    with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(io.StringIO()) as printed:
        cli.main()
    _, table, legend = printed.getvalue().strip().split("\n\n")
    return table, legend


def retold(page: str) -> str:
    table, _ = table_and_legend(page)
    return TABLE.sub(lambda _: table, TOLD.sub(told, page))


if __name__ == "__main__":
    PAGE.write_text(retold(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
