"""The typed form of a configuration.

The JSON schema and the table of keys in config/README.md are generated from these models (`generate.py`), so a key is
described here, in `experiment` or in `workflow.specs.TrainingSettings`, and nowhere else. Imports no torch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from reports.chosen import Report
from workflow.schemas.experiment import Experiment
from workflow.specs import POSITIONS, Hyperparameters, Network, Strict, TrainingSettings

TUNED = "-tuned"
"""Behind the label of a method at its tuned values."""
MOST_THREADS = 1024
PATTERNS = (r"^[a-z0-9][a-z0-9.-]{0,99}$", r"^[a-z0-9][a-z0-9+.-]{0,99}$")
"""Of the names of networks, and of the labels of methods, which stand in the names of files."""
Name = Annotated[str, StringConstraints(pattern=PATTERNS[0])]
Label = Annotated[str, StringConstraints(pattern=PATTERNS[1])]


class SeedsPerJob(Strict):
    """Seeds that one process trains; more means fewer starts, fewer means more parallel jobs."""

    teach: int = Field(5, ge=1, description="... of a teacher")
    distill: int = Field(10, ge=1, description="... of a cell")


def _root(files: str) -> Any:
    """A key that names a folder of raw files."""
    text = f"an existing folder of {files}, never written to; without it they are downloaded to `data/raw`"
    return Field(None, min_length=1, description=text)


class Data(Strict):
    """Where raw files lie; every other key is one that a loader of your own names in its SETTINGS."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    ogb_root: str | None = _root("official OGB raw files")
    planetoid_root: str | None = _root("Planetoid raw files")
    gnn_benchmark_root: str | None = _root("the Amazon and Coauthor raw files")
    tu_root: str | None = _root("raw files of TU collections")


class ConfiguredNetwork(Strict):
    """One entry of `models`; every other key is an option of that network."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(
        description="a file name of `workflow/models/architectures`; the other keys are that network's options"
    )
    positions: int | None = Field(None, ge=1, description="columns of position encodings that it reads, see below")
    training: TrainingSettings = Field(TrainingSettings(), description="settings of this network's training")

    @property
    def network(self) -> Network:
        own = {POSITIONS: self.positions} if self.positions else {}
        return {"model": self.model, **(self.model_extra or {}), **own}


class ConfiguredMethod(Strict):
    """One entry of `methods`; every other key is a hyperparameter."""

    model_config = ConfigDict(extra="allow")

    method: str | None = Field(
        None, description="id of the method, or several joined by `+`; the label where it is not given"
    )

    @property
    def hyperparameters(self) -> Hyperparameters:
        return dict(self.model_extra or {})


class Tune(Strict):
    """How `snakemake tune` chooses hyperparameters."""

    trials: int = Field(
        8,
        ge=2,
        le=1000,
        description="trials of every method: the default, then others of its `search_space`, if it has more",
    )
    seeds: int = Field(5, ge=1, le=1000, description="number of paired seeds of a trial")
    first_seed: int = Field(
        1000, ge=0, le=1_000_000_000, description="the first of them; none may be among those that are reported"
    )
    methods: list[Label] | None = Field(None, min_length=1, description="methods that are tuned; all by default")

    @property
    def tried(self) -> range:
        """The seeds of the trials."""
        return range(self.first_seed, self.first_seed + self.seeds)


class Configuration(Strict):
    """The science of a run. Machine facts (cores, GPUs, cluster) live in profiles/."""

    include: str | None = Field(
        None, description="a configuration that this one extends, as seen from its folder; its experiments come first"
    )
    plugins: list[str] = Field(
        [],
        description="folders with `methods/`, `networks/` or `datasets/` of your own, as seen from the configuration's "
        "folder, or names under which installed packages offer such folders",
    )
    title: str = Field(description="heading of the result page")
    seeds: int = Field(ge=1, le=10_000, description="number of paired seeds; p-values are printed from 10 on")
    first_seed: int = Field(0, ge=0, le=1_000_000_000, description="the first seed")
    seeds_per_job: SeedsPerJob = Field(SeedsPerJob(), description="seeds that one process trains")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes the GPU where there is one")
    threads: int = Field(
        1,
        ge=1,
        le=MOST_THREADS,
        description="CPU threads of one training process; numbers repeat bit for bit only at the same number",
    )
    time_limit: float | None = Field(
        None, gt=0, description="minutes that one training may take before it is given up as failed; none by default"
    )
    on_failure: Literal["keep", "stop"] = Field(
        "keep",
        description="a training that failed is a row either way; `stop` also ends the run with an error",
    )
    keep_weights: Literal["all", "teachers"] = Field(
        "all", description="whose weights are kept; on ogbn-mag a student's learned embeddings take 0.6 GB per seed"
    )
    distill_on: Literal["train", "all"] = Field(
        "train",
        description="nodes (or graphs) that carry the distillation terms, the same for every method: those of the "
        "training part, or all that training sees, test nodes (without their labels) among them unless they are unseen",
    )
    reference: str = Field("kd", description="the method that every other is tested against")
    spotlight: list[str] = Field([], description="methods that figures colour and verdicts name, whatever their rank")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="significance level of the verdicts")
    report: Report = Field(Report(), description="what a paper's tables show, and how figures look")
    data: Data = Field(Data(), description="where raw files lie")
    training: TrainingSettings = Field(
        TrainingSettings(),
        description="settings of every training, unless a model or an experiment says otherwise",
    )
    models: dict[Name, ConfiguredNetwork] = Field(min_length=1, description="networks by name")
    methods: dict[Label, ConfiguredMethod | None] = Field(
        min_length=1,
        description="methods by label, with the hyperparameters that differ from the defaults",
    )
    experiments: list[Experiment] = Field(min_length=1, description="which teachers and students meet on which dataset")
    tune: Tune | None = Field(
        None, description="how `snakemake tune` chooses hyperparameters; it writes them to `config/tuned/NAME.yaml`"
    )
    tuned: str | None = Field(
        None,
        min_length=1,
        description="such a file, as seen from the configuration's folder: each method in it stands in the run a "
        "second time, as LABEL-tuned",
    )
    beside_defaults: bool = Field(
        True, description="whether tuned methods also stand as stated; false has them as LABEL-tuned alone"
    )

    @property
    def reported(self) -> range:
        """The seeds of the rows."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def stated(self) -> dict[str, Any]:
        """The configuration as its file states it, with the defaults of the first level filled in."""
        stated = self.model_dump(mode="json", exclude_unset=True)
        return {key: stated.get(key, value) for key, value in self.model_dump(mode="json").items()}

    def overlap(self, seeds: range) -> str:
        """What is wrong with the seeds of a tuning: some of them are reported. "" where none is."""
        mine = self.reported
        if seeds.start >= mine.stop or mine.start >= seeds.stop:
            return ""
        return f"seeds {seeds.start}-{seeds[-1]} are among those that are reported, {mine.start}-{mine[-1]}"

    def method(self, label: str) -> ConfiguredMethod:
        """What the configuration says of a method; nothing for a label alone."""
        return self.methods[label] or ConfiguredMethod()

    def method_id(self, label: str) -> str:
        """The id, or ids joined by `+`, that a label stands for."""
        return self.method(label).method or label

    def chosen(self, experiment: Experiment) -> dict[str, Hyperparameters]:
        """The labels of an experiment, with what it changes of their hyperparameters."""
        found = experiment.methods if experiment.methods is not None else dict.fromkeys(self.methods)
        return {label: changes or {} for label, changes in found.items()}

    def seed_blocks(self, job: Literal["teach", "distill"]) -> list[str]:
        """Blocks of seeds such as "0-4", "5-9": their borders are multiples, so that more seeds only add blocks."""
        size: int = getattr(self.seeds_per_job, job)
        first, last = self.reported.start, self.reported.stop
        starts = [first, *range((first // size + 1) * size, last, size)]
        return [f"{start}-{min((start // size + 1) * size, last) - 1}" for start in starts]


def tuned_label(label: str) -> str:
    """Of a method at its tuned values."""
    return label + TUNED
