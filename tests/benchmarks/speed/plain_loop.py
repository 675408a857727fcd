"""What one writes with PyG for one seed of logit KD, in a process of its own: the teacher runs at every step.

`python -m tests.benchmarks.speed.plain_loop TASK_FOLDER --epochs 50 --width 16 --output row.json`
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.benchmarks.speed.plain import Plain

TEMPERATURE, ALPHA = 4.0, 0.9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", type=Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--teacher-width", type=int, default=256)
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    def load(name: str) -> torch.Tensor:
        return torch.from_numpy(np.load(arguments.task / f"{name}.npy"))

    pointers, sources = load("pointers"), load("sources")
    edges = torch.stack([sources.long(), torch.arange(len(pointers) - 1).repeat_interleave(pointers.diff())])
    x, y = load("features"), load("labels").long()
    split = {part: load(f"split/{part}") for part in ("train", "valid", "test")}
    features = x.shape[1]
    teacher = Plain("gcn", [features, arguments.teacher_width, arguments.teacher_width, arguments.classes], 1).eval()
    student = Plain("gcn", [features, arguments.width, arguments.classes], 1)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    best, test = 0.0, 0.0
    for _ in range(arguments.epochs):
        student.train()
        with torch.no_grad():
            soft = (teacher(x, edges)[split["train"]] / TEMPERATURE).softmax(1)
        out = student(x, edges)[split["train"]]
        kd = nn.functional.kl_div((out / TEMPERATURE).log_softmax(1), soft, reduction="batchmean") * TEMPERATURE**2
        loss = (1 - ALPHA) * nn.functional.cross_entropy(out, y[split["train"]]) + ALPHA * kd
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        student.eval()
        with torch.no_grad():
            hits = student(x, edges).argmax(1) == y
        scores = {part: float(hits[rows].float().mean()) for part, rows in split.items()}
        if scores["valid"] > best:
            best, test = scores["valid"], scores["test"]
    arguments.output.write_text(json.dumps({"valid": best, "test": test}))


if __name__ == "__main__":
    main()
