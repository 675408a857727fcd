"""Distils graph neural networks and compares the methods. `snakemake` runs config/quick.yaml; another configuration
is `snakemake --configfile config/NAME.yaml`. Results land in results/NAME/."""

import gc
import shlex
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

# Thousands of jobs are millions of objects that stay: looking for garbage less often saves a fifth of the planning.
gc.set_threshold(50_000, 20, 20)

if not workflow.configfiles:

    configfile: "config/quick.yaml"


from workflow.environment import JOB_ENVIRONMENT
from workflow.run import Run

RUN = Run.of(config, workflow.configfiles[-1])
RESULTS = RUN.results
BIN = shlex.quote(str(Path(sys.executable).parent))
# Jobs run in the Python that runs Snakemake, whether or not its environment is activated.
# A cluster's jobs do not share a machine, so they need no server to fork from.
ENVIRONMENT = JOB_ENVIRONMENT | ({"ABKD_COLD": "1"} if workflow.remote_exec else {})
shell.prefix(f"export {' '.join(f'{name}={value}' for name, value in ENVIRONMENT.items())} PATH={BIN}:$PATH; ")


wildcard_constraints:
    dataset="[a-z0-9.-]+",
    teacher="[a-z0-9.-]+",
    student="[a-z0-9.~-]+",
    method="[a-z0-9+.-]+",
    seeds=r"\d+-\d+",


include: "workflow/rules/data.smk"
include: "workflow/rules/teach.smk"
include: "workflow/rules/distill.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/index.html",


onsuccess:
    shell("python -m workflow.steps.summary {RESULTS}")
