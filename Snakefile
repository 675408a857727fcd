"""Distils graph neural networks and compares the methods. `snakemake` runs config/quick.yaml; another configuration
is `snakemake --configfile config/NAME.yaml`. Results land in results/NAME/."""

import gc
import json
import os
import sys
import threading
from pathlib import Path

import psutil
from snakemake.utils import min_version

min_version("9.0")

# Thousands of jobs are millions of objects that stay: looking for garbage less often saves a fifth of the planning.
gc.set_threshold(50_000, 20, 20)

if len(workflow.configfiles) > 1:
    files = ", ".join(map(str, workflow.configfiles))
    sys.exit(f"error: --configfile: {files}: one configuration makes a run; its key `include` extends another file")
if not workflow.configfiles:

    configfile: str(Path(workflow.basedir) / "config" / "quick.yaml")


from reports.variants import prepared
from workflow import environment, gpus, progress, tuned
from workflow.files import content
from workflow.run import Run

RUN = Run.of(config, workflow.configfiles[-1])
RESULTS = RUN.results
# Set when a run has ended: no line of its progress belongs among those of its summary.
ENDED = threading.Event()
# Whether jobs run on this machine, beside each other. A cluster counts jobs (nodes) and grants memory and GPUs itself.
LOCAL = workflow.nodes is None and not workflow.remote_exec
if not LOCAL and RUN.config.device == "auto":
    sys.exit(f"error: {RUN.where}: device: auto would be another one on every node of a cluster; allowed: cpu, cuda")
MEMORY_MB = psutil.virtual_memory().total // 2**20 if LOCAL else None
GPUS = gpus.count() if LOCAL and RUN.gpus else 0
# Of a profile: jobs that may share one GPU. Newer Snakemakes wrap what a resource is worth.
GPU_SLOTS = dict(workflow.global_resources).get("gpu_slots", 1)
GPU_SLOTS = getattr(GPU_SLOTS, "value", GPU_SLOTS)
if not isinstance(GPU_SLOTS, int) or GPU_SLOTS < 1:
    sys.exit(f"error: resources: gpu_slots: must be a whole number of at least 1, not {GPU_SLOTS}")
# What a rule asks for to be alone on a machine; a cluster's profile says so in its own way.
CORES = workflow.cores if LOCAL else 1
TOTALS = {"mem_mb": MEMORY_MB, "gpu": max(GPUS, 1) * GPU_SLOTS} if LOCAL else {}
for name, total in {"preparing": 1, **TOTALS}.items():
    if name not in workflow.global_resources:
        workflow.register_resource(name, total)

# Jobs run in the Python that runs Snakemake, whether or not its environment is activated, and end with it.
# A cluster's jobs do not share a machine, so they need no server to fork from.
# The plan is told here, because a job need not run again when another part of the plan changes.
environment.export(
    {environment.PLAN: str(RUN.plan_file)}
    | (
        {
            environment.ORCHESTRATOR: str(os.getpid()),
            environment.GPUS: str(GPUS),
            environment.GPU_SLOTS: str(GPU_SLOTS),
        }
        if LOCAL
        else {environment.COLD: "1"}
    ),
    programs=[Path(sys.executable).parent, Path(workflow.basedir) / "workflow" / "bin"],
)


# Of a cluster's run: the nodes often have no network, and a table takes less time than its way through the queue.
localrules:
    prepare,
    collect,
    report,
    tune,


wildcard_constraints:
    dataset="[a-z0-9.@+,-]+",
    variant="[a-z0-9.@+,-]+",
    teacher="[a-z0-9.-]+",
    student="[a-z0-9.~-]+",
    method="[a-z0-9+.-]+",
    identity="[0-9a-f]{12}",
    seeds=r"\d+-\d+",


include: "workflow/rules/data.smk"
include: "workflow/rules/teach.smk"
include: "workflow/rules/distill.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/tune.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/index.html",


onstart:
    RUN.lock()
    targets = workflow.dag_settings.targets
    progress.watch(RUN.tuning if set(targets) == {"tune"} else RUN, ENDED, targets)
    if not LOCAL:
        os.environ[environment.RETRIES] = str(workflow.execution_settings.retries)


# Where nothing but hyperparameters was asked for, there is no page.
onsuccess:
    ENDED.set()
    if set(workflow.dag_settings.targets) == {"tune"}:
        shell("cat logs/{RUN.name}/tune.log")
    else:
        shell("python -m workflow.steps.summary {RESULTS}")


# A page is made of what there is, and says what is missing.
onerror:
    ENDED.set()
    if set(workflow.dag_settings.targets) == {"tune"}:
        print(f"to go on: snakemake tune --configfile {RUN.where}", file=sys.stderr)
    else:
        shell("python -m workflow.steps.collect {RUN.config_file} --unfinished || true")
        shell("python -m workflow.steps.report {RESULTS} {RUN.settings_file} || true")
        shell("python -m workflow.steps.summary {RESULTS} --goes-on {RUN.where:q} || true")
