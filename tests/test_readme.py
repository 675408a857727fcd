"""What the README and CONTRIBUTING.md show works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shipped import shipped

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
METHOD, OUTSIDE = (
    re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), flags=re.S)[0]
    for name in ("README.md", "CONTRIBUTING.md")
)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the README's method in its one file."""
    folder = tmp_path_factory.mktemp("readme")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("abkd", "baselines", "config", "methods", "reports", "tests", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "baselines" / "logit_regression.py").write_text(METHOD)
    return folder


def test_the_example_is_a_method_in_one_file(checkout):
    listed = run(checkout, "-m", "methods")
    assert re.search(r"^logit-regression +Logit regression \(2014, ba2014deep\) +beta=1.0$", listed.stdout, flags=re.M)
    checked = run(checkout, "-m", "methods", "check", "logit-regression")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_broken_method_does_not_keep_the_contract(checkout):
    """A head that takes no part in the loss must be noticed."""
    text = METHOD.replace("self.beta = beta", "self.beta = beta\n        self.head = nn.Linear(2, 2)")
    assert text != METHOD
    (checkout / "baselines" / "broken.py").write_text(text)
    try:
        checked = run(checkout, "-m", "methods", "check", "broken")
    finally:
        (checkout / "baselines" / "broken.py").unlink()
    assert checked.returncode != 0
    assert checked.stderr.startswith("error: broken")
    assert "Traceback" not in checked.stderr


def test_the_example_can_be_planned(checkout):
    text = (checkout / "config" / "smoke.yaml").read_text()
    config = checkout / "config" / "mine.yaml"
    config.write_text(text.replace("methods:\n", "methods:\n  logit-regression: {beta: 2}\n", 1))
    code = (
        "from workflow.config import load; from workflow.plan import build;"
        "plan = build(load('config/mine.yaml'), 'config/mine.yaml');"
        "print([s.hyperparameters for k, s in plan.cells.items() if k.endswith('/logit-regression')][0])"
    )
    assert run(checkout, "-c", code).stdout.strip() == "{'beta': 2}"


def test_a_loss_can_be_used_from_outside(checkout):
    prelude = (
        "import torch\nlabels = torch.tensor([0, 1, 2]); edge_index = torch.tensor([[0, 1], [1, 2]])\n"
        "student_logits, teacher_logits = torch.randn(3, 10), torch.randn(3, 10)\n"
        "student_hidden, teacher_hidden = torch.randn(3, 8), torch.randn(3, 64)\n"
    )
    answer = run(checkout, "-c", prelude + OUTSIDE + "\nprint(list(terms))")
    assert answer.stdout.strip() == "['kd']", answer.stderr


def test_every_shipped_method_is_in_the_readme():
    import methods

    table = README.split("## Methods")[1].split("### Add")[0]
    rows = re.findall(r"^\| (`.*?) \|.*?\| (`.*?) \|", table, flags=re.M)
    names = [name for cells in rows for cell in cells for name in re.findall(r"`([a-z0-9*-]+)`", cell)]
    for name in names:
        assert any(re.fullmatch(name.replace("*", ".*"), method) for method in methods.available()), name
    for method in shipped():
        assert any(re.fullmatch(name.replace("*", ".*"), method) for name in names), method


def test_a_private_method_is_not_asked_for_an_entry(checkout):
    """The README's example lies in the copy's `baselines/` and in no table."""
    code = (
        "import methods; from tests.shipped import shipped; print(*sorted(set(methods.available()) - set(shipped())))"
    )
    assert run(checkout, "-c", code).stdout.split() == ["logit-regression"]
    code = "from tests import test_readme; test_readme.test_every_shipped_method_is_in_the_readme(); print('passed')"
    answer = run(checkout, "-c", code)
    assert answer.stdout.strip() == "passed", answer.stderr
