"""An interrupted training goes on bit for bit, and from nothing but its own checkpoint."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
import torch
from safetensors import SafetensorError

import methods
from methods.vocabulary import Kind
from tests.workflow.models.tiny_graph import networks
from tests.workflow.training.trainings import KINDS, TARGETS, Training, assert_same
from workflow.specs import TrainingSettings
from workflow.training import optimizers
from workflow.training.checkpoint import Checkpoint

METHODS = (None, "supervised", "kd", "gcrd", "abkd")
NETWORKS = [
    (kind, {**KINDS[kind].network, "model": model})
    for kind, of in (("node", "node"), ("graph", "graph"), ("saint", "heterogeneous"))
    for model in networks(of)
]


def checkpoint_in(folder, identity="this", every_seconds=0.0):
    return Checkpoint(folder / "seed~0.safetensors", identity, every_seconds)


def interrupt_at(epoch):
    def progress(now, score):
        if now >= epoch:
            raise KeyboardInterrupt

    return progress


def interrupted(training, folder, epoch=3, **options):
    checkpoint = checkpoint_in(folder, **options)
    with pytest.raises(KeyboardInterrupt):
        training.run(checkpoint=checkpoint, progress=interrupt_at(epoch))
    return checkpoint


def check_resumes(training, folder, epoch=3):
    """The second part begins with everything anew: feed, network, heads, optimizer and streams."""
    whole = training.run()
    assert interrupted(training, folder, epoch).path.exists()
    seen = []
    resumed = training.run(checkpoint=checkpoint_in(folder), progress=lambda now, score: seen.append(now))
    assert seen[0] == epoch, "it began anew"
    assert_same(resumed, whole)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("kind", "method"), [*((kind, method) for kind in KINDS for method in METHODS), *((kind, "kd") for kind in TARGETS)]
)
def test_every_feed_and_method_goes_on_bit_for_bit(kind, method, tmp_path):
    check_resumes(Training(kind, method), tmp_path)


@pytest.mark.parametrize("optimizer", optimizers.DENSE)
@pytest.mark.parametrize("kind", ["node", "saint"])
def test_every_optimizer_goes_on_bit_for_bit(kind, optimizer, tmp_path):
    check_resumes(Training(kind, "gcrd", changes=TrainingSettings(optimizer=optimizer, weight_decay=0.01)), tmp_path)


@pytest.mark.parametrize("method", methods.available())
def test_every_method_goes_on_bit_for_bit(method, tmp_path):
    kind = "node" if Kind.NODE in methods.load(method).kinds else "graph"
    check_resumes(Training(kind, method), tmp_path)


@pytest.mark.parametrize(("kind", "network"), NETWORKS)
def test_every_network_goes_on_bit_for_bit(kind, network, tmp_path):
    check_resumes(Training(kind, "kd", network), tmp_path)


@pytest.mark.parametrize("when", ["warming up", "past its best"])
def test_patience_schedule_and_best_weights_go_on(when, tmp_path):
    """Which epoch is the best one hangs on the processor's roundings; the interruption follows it."""
    changes = {"epochs": 60, "learning_rate": 0.2, "schedule": "cosine", "warm_up": 5, "patience": 6}
    training = Training("node", "gcrd", changes=TrainingSettings(**changes))
    whole = training.run()["outcome"]
    assert whole.epochs == whole.best_epoch + 6 < 60
    check_resumes(training, tmp_path, {"warming up": 3, "past its best": whole.best_epoch + 2}[when])


def test_epochs_without_an_evaluation_are_saved_too(tmp_path):
    training = Training("node", "abkd", changes=TrainingSettings(evaluate_every=4, epochs=10))
    whole = training.run()
    interrupted(training, tmp_path, 8)
    with pytest.raises(KeyboardInterrupt):  # twice, to be sure that a training that went on can be left again
        training.run(checkpoint=checkpoint_in(tmp_path), progress=interrupt_at(10))
    assert_same(training.run(checkpoint=checkpoint_in(tmp_path)), whole)


def test_seconds_are_those_of_both_parts(tmp_path):
    training = Training("node")

    def slow(epoch, score):
        time.sleep(0.1)
        interrupt_at(4)(epoch, score)

    with pytest.raises(KeyboardInterrupt):
        training.run(checkpoint=checkpoint_in(tmp_path), progress=slow)
    began = time.perf_counter()
    outcome = training.run(checkpoint=checkpoint_in(tmp_path))["outcome"]
    elapsed = time.perf_counter() - began
    assert 0.3 <= outcome.seconds <= 0.3 + elapsed + 0.2


def test_a_short_training_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Checkpoint, "save", lambda *_: pytest.fail("saved"))
    Training("node").run(checkpoint=checkpoint_in(tmp_path, every_seconds=300))
    assert not list(tmp_path.iterdir())


def test_saves_are_no_nearer_than_their_distance(tmp_path, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr("workflow.training.checkpoint.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    saved, save = [], Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, state: (saved.append(state["outcome"]["epochs"]), save(self, state))
    )
    Training("node", changes=TrainingSettings(epochs=12)).run(checkpoint=checkpoint_in(tmp_path, every_seconds=3))
    assert saved == [3, 6, 9]


def test_a_diverged_training_leaves_no_checkpoint(tmp_path):
    training = Training("node", changes=TrainingSettings(learning_rate=1e30, optimizer="sgd"))
    outcome = training.run(checkpoint=checkpoint_in(tmp_path))["outcome"]
    assert outcome.status == "diverged"
    assert outcome.epochs > 1, "nothing was saved"
    assert not list(tmp_path.iterdir())


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def other_bits_of_a_tensor(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def other_curve(data: bytes) -> bytes:
    place = data.index(b"curve") + data[data.index(b"curve") :].index(b"0.") + 2
    return data[:place] + (b"1" if data[place : place + 1] != b"1" else b"2") + data[place + 1 :]


def nothing(data: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, other_bits_of_a_tensor, other_curve, nothing])
def test_a_damaged_checkpoint_is_told_and_not_used(damage, tmp_path, capsys):
    training = Training("node", "abkd")
    path = interrupted(training, tmp_path).path
    path.write_bytes(damage(path.read_bytes()))
    seen = []
    found = training.run(checkpoint=checkpoint_in(tmp_path), progress=lambda now, score: seen.append(now))
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert "damaged checkpoint, not used" in line
    assert seen[0] == 1
    assert_same(found, training.run())
    assert not path.exists()


@pytest.mark.parametrize("other", ["identity", "torch"])
def test_the_checkpoint_of_another_training_is_told_and_not_used(other, tmp_path, capsys, monkeypatch):
    training = Training("node")
    path = interrupted(training, tmp_path, identity="that" if other == "identity" else "this").path
    if other == "torch":
        monkeypatch.setattr(torch, "__version__", "2.0.1")
    seen = []
    training.run(checkpoint=checkpoint_in(tmp_path), progress=lambda now, score: seen.append(now))
    assert seen[0] == 1
    assert capsys.readouterr().err.splitlines() == [f"{path}: checkpoint of another training, not used"]


@pytest.mark.parametrize("error", [OSError("No space left on device"), SafetensorError("I/O error")])
def test_a_checkpoint_that_cannot_be_written_costs_no_training(error, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise error

    monkeypatch.setattr("workflow.training.tensors.save_file", full)
    training = Training("node")
    found = training.run(checkpoint=checkpoint_in(tmp_path))
    assert_same(found, training.run())
    assert f"no checkpoint could be written ({error})" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_saved_is_found(tmp_path):
    weight = torch.randn(3, 4)
    state = {
        "tied": [weight, weight[1:]],
        "transposed": weight.T,
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "empty": torch.empty(0, 3),
        "half": weight.bfloat16(),
        "large": 2**100 + 1,
        "number": 0.1 + 0.2,
        "none": None,
    }
    checkpoint_in(tmp_path).save(state)
    found = checkpoint_in(tmp_path).load()
    tensors = ["tied", "transposed", "scalar", "empty", "half"]
    torch.testing.assert_close([found.pop(k) for k in tensors], [state.pop(k) for k in tensors], rtol=0, atol=0)
    assert found == state
    with pytest.raises(TypeError, match="not object"):
        checkpoint_in(tmp_path).save({"x": object()})


def test_the_file_is_json_and_tensors(tmp_path):
    """Nothing in it can run code when it is read."""
    data = interrupted(Training("saint", "abkd"), tmp_path).path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert set(json.loads(data[8 : 8 + length])["__metadata__"]) == {"identity", "state", "sum"}
