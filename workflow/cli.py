"""The console script `abkd-bench`: what one does beside `snakemake`.

    abkd-bench methods                 lists the methods with their hyperparameters
    abkd-bench networks                lists the networks with their options
    abkd-bench datasets                lists the datasets with their tasks and metrics
    abkd-bench new KIND NAME           writes the file of a method, network or dataset of your own
    abkd-bench check NAME              says what is wrong with a method, network or dataset, or with a file of one
    abkd-bench import-data FILE --name ID  makes a dataset of your own data
    abkd-bench retry config/NAME.yaml  trains again what failed, is missing or stale
    abkd-bench collect config/NAME.yaml  makes the page of what there is of an unfinished run
    abkd-bench estimate config/NAME.yaml  says how many trainings, hours, disk and memory a run takes here
    abkd-bench verify results/NAME     trains a sample of the rows anew and says how far they agree
    abkd-bench report results/NAME     builds tables, figures and the page anew from the rows that lie there
    abkd-bench report A B --output C   merges the results of several runs, of other machines or configurations
    abkd-bench tally A B               counts over several runs where each method is better, and where worse
    abkd-bench add-results FILE.csv --method LABEL   brings results trained elsewhere into the tables
    abkd-bench schema                  renews the JSON schema and the table of keys

Hyperparameters are chosen by `snakemake tune --configfile config/NAME.yaml`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workflow import overrides
from workflow.errors import UserError, command, reported
from workflow.steps import check, estimate, import_data, lists, new, retry, verify


def _report(arguments: argparse.Namespace) -> None:
    from reports import build, merging

    one, *others = arguments.folders
    output = arguments.output or one
    if others and not arguments.output:
        raise UserError("report: several folders need --output, a new folder such as results/merged")
    with reported():
        # With an output, one folder is merged, too: it may belong to a repository.
        findings = merging.merge(arguments.folders, output, arguments.title) if arguments.output else build.rebuild(one)
    print(build.summary(output, findings))


def _tally(arguments: argparse.Namespace) -> None:
    from reports import formats, tally

    with reported():
        made = tally.table(arguments.folders, arguments.against or ["supervised"], arguments.at_least)
    if arguments.output:
        formats.write(arguments.output, "tally", [made.grid], made.legend, made.numbers)
    print(formats.markdown([made.grid], made.legend), end="")


def _add_results(arguments: argparse.Namespace) -> None:
    from reports import build

    folder = arguments.results or _only_results()
    with reported():
        findings = build.add_results(folder, arguments.file, arguments.method)
    print(build.summary(folder, findings))


def _only_results() -> Path:
    """The one folder of results that there is. Raises UserError where there are none or several."""
    found = sorted(file.parent for file in Path("results").glob("*/report.json"))
    if len(found) != 1:
        there = ", ".join(map(str, found)) or "none"
        raise UserError(f"add-results: name the run by --results results/NAME; there are: {there}")
    return found[0]


def _collect(arguments: argparse.Namespace) -> None:
    from reports import build
    from workflow.files import read_json
    from workflow.run import Run
    from workflow.steps.collect import collect

    run = Run(overrides.load(arguments.config, arguments.changes), str(arguments.config))
    if told := overrides.remark(run):
        print(told, file=sys.stderr)
    file = Path(run.config_file)
    planned = read_json(file)["written"]
    if not run.busy():
        file.unlink()  # or the next run could take these tables for finished ones
    collect(run, unfinished=True, planned=planned)
    findings = build.write(Path(run.results), run.report_settings)
    print(build.summary(Path(run.results), findings))


def _schema(arguments: argparse.Namespace) -> None:
    from workflow.schemas import generate

    generate.main()


def parser() -> argparse.ArgumentParser:
    """The command line; every subcommand names the function that it calls."""
    found = argparse.ArgumentParser(
        prog="abkd-bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = found.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, call: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(call=call)
        return made

    for name, call in (("methods", lists.methods), ("networks", lists.networks), ("datasets", lists.datasets)):
        lists.add_arguments(add(name, call, f"list the {name}"))
    new.add_arguments(add("new", new.call, "write the file of a method, network or dataset of your own"))
    check.add_arguments(add("check", check.call, "say what is wrong with methods, networks or datasets"))
    import_data.add_arguments(add("import-data", import_data.call, "make a dataset of your own data"))
    retry.add_arguments(add("retry", retry.call, "train again what failed, is missing or stale"))
    collected = add("collect", _collect, "make the page of what there is of an unfinished run")
    collected.add_argument("config", type=Path, help="config/NAME.yaml")
    overrides.add_argument(collected)
    estimate.add_arguments(
        add("estimate", estimate.call, "how many trainings, hours, disk and memory a run takes here")
    )
    verify.add_arguments(add("verify", verify.call, "train a sample of the rows anew and compare"))
    report = add("report", _report, "build the report of a finished run anew, or one of several runs")
    report.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="results/NAME")
    report.add_argument("--output", type=Path, help="new folder for the report; several runs need one")
    report.add_argument("--title", default="", help="heading of the merged page")
    counted = add("tally", _tally, "count over several runs where each method is better, and where worse")
    counted.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="results/NAME")
    counted.add_argument(
        "--against", action="append", metavar="LABEL", help="compared with; may be repeated; supervised by default"
    )
    counted.add_argument("--output", type=Path, metavar="FOLDER", help="for tally.tex, .md, .html and .csv")
    counted.add_argument("--at-least", type=int, default=1, metavar="N", help="leave out methods at fewer places")
    added = add("add-results", _add_results, "bring results trained elsewhere into the tables of a run")
    added.add_argument("file", type=Path, help="CSV: dataset, teacher, student, seed, test; see docs/runs.md")
    added.add_argument("--method", required=True, help="label of the method; must not be one of the run's own")
    added.add_argument("--results", type=Path, help="results/NAME; the only one there is by default")
    add("schema", _schema, "renew what is generated from the models of a configuration")
    return found


@command
def main() -> None:
    """Called by the console script."""
    # A user's own methods are found beside the repository's, whichever folder this is called from.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    arguments = parser().parse_args()
    arguments.call(arguments)


if __name__ == "__main__":
    main()
