"""GPU memory of networks on a graph of ogbn-mag's size."""

from __future__ import annotations

from tests.benchmarks import data
from tests.benchmarks.gpu import card
from tests.benchmarks.settings import Settings
from tests.benchmarks.tables import Row, Table, say
from workflow.models.model import create
from workflow.specs import TrainingSettings
from workflow.training import loop, optimizers
from workflow.training.feeds import choose
from workflow.training.seeds import Streams

LONG = True
NETWORKS = [(2, 32, "full"), (2, 128, "full"), (3, 512, "saint")]

ABOUT = (
    "Peak memory on the GPU (MiB) of a generated graph of ogbn-mag's size: two training epochs with their evaluation; "
    "`seconds` is the second epoch. For `saint`, an epoch is two sampled steps and an evaluation on the whole graph."
)


def run(settings: Settings) -> list[Table]:
    device = card.device()
    task = data.mag_sized(settings.sized(10**6) / 10**6)
    rows: list[Row] = []
    for layers, width, sampler in NETWORKS:
        training = TrainingSettings(sampler=sampler, steps_per_epoch=2, walk_length=layers)
        seconds: list[float] = []

        def train(training=training, layers=layers, width=width, seconds=seconds) -> None:
            feed = choose.create(task, device, "train", training)
            streams = Streams(0, "teacher", device)
            model = create({"model": "rgcn", "layers": layers, "width": width}, data.facts_of(task)).to(device)
            run = loop._Run(model, None, optimizers.create(list(model.parameters()), training), streams)
            masks = loop.Dropout(streams.generator("dropout"))
            epochs = iter(enumerate(feed.steps(streams), start=1))

            def epoch() -> None:
                number, steps = next(epochs)
                loop._epoch(run, number, steps, masks, task.objective)
                loop.score(model, feed, "valid")

            seconds.extend(card.once(epoch) for _ in range(2))

        peak = card.peak_mib(train)
        rows.append({"network": f"r-gcn {layers}x{width}", "sampler": sampler, "mib": peak, "seconds": seconds[-1]})
        say("gpu_memory", rows[-1])
    return [Table(ABOUT, rows)]
