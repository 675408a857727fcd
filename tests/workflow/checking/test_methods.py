"""Every fault of a method's file is a plain sentence, and all are told at once."""

from __future__ import annotations

import re

import pytest

import methods
from methods.contract import Method
from methods.spelling import strays_of_class
from tests.workflow.checking.conftest import Checked

TERM = '"hidden": self.beta * nn.functional.mse_loss(self.project(h_student), h_teacher)'
INIT = "super().__init__(teacher, student)\n"
FAULTS = {
    "a syntax error": (("import annotations", "import"), r"\S*/methods/mine.py:\d+: SyntaxError: .*"),
    "a float": ((TERM, '"hidden": 0.5'), r"mine: term 'hidden' is not a finite scalar: a float, where a tensor .*"),
    "a vector": (
        (TERM, '"hidden": h_student.sum(1)'),
        r"mine: term 'hidden' .*its shape is \[24\], so take its mean.*",
    ),
    "the name of the supervised loss": (
        (TERM, TERM.replace("hidden", "labels", 1)),
        r"mine: term 'labels' has the name of the supervised loss; give it another.*",
    ),
    "a constant": ((TERM, '"hidden": h_teacher.mean()'), r"mine: the student receives no gradient: every term is a .*"),
    "no dict": (("return {" + TERM + "}", "return h_student.mean()"), r"mine: forward must return a dict .* Tensor.*"),
    "a head that widths do not fit": (
        ("self.project(h_student), h_teacher", "h_student, h_teacher"),
        r"\S*/methods/mine.py:\d+: RuntimeError: The size of tensor a .*",
    ),
    "no super().__init__": (
        (INIT, "pass\n"),
        r"mine: __init__ must begin with super\(\).__init__\(teacher, student\)",
    ),
    "a positional hyperparameter": (("*, beta", "beta"), r"mine: __init__: 'beta' must stand behind `\*,`: .*"),
    "no default": (("beta: float = 1.0", "beta: float"), r"mine: __init__: the hyperparameter 'beta' must have a .*"),
    "another forward": (("teacher: Signals, batch", "batch"), r"mine: forward must take \(self, student, teacher, .*"),
    "another default": (("float = 1.0", "float = 999.0"), r"mine: .*999.0.*"),
    "unknown sampling": (('title = "', 'samples = "rows"\n    title = "'), r"mine: samples = 'rows'; allowed: .*"),
    "kinds that are a text": (
        ('title = "', 'kinds = "node"\n    title = "'),
        r"mine: kinds must be a frozenset of: node, .*",
    ),
    "a year that is a text": (("year = 2026\n    c", 'year = "2026"\n    c'), r"mine: year must be a whole number.*"),
    "hidden states that are not declared": (
        ("uses_hidden = True", "pass"),
        r"mine: reads hidden states \(declare uses_hidden\): IndexError: .* \[node/multiclass, .*\]",
    ),
    "a column against many": (
        ("nn.Linear(student.hidden[-1], teacher.hidden[-1])", "nn.Linear(student.hidden[-1], 1)"),
        r"\S*/methods/mine.py:\d+: Using a target size .* \[node/multiclass, .*\]",
    ),
    "classes where labels are targets": (
        (TERM, TERM + " * student.logits.gather(1, batch.labels.clamp(min=0)[:, None]).mean()"),
        r"\S*/methods/mine.py:\d+: RuntimeError: .* \[node/binary, heterogeneous/binary, node/regression, .*\]",
    ),
    "a search space of another name": (
        ("search_space =", "search_spaces ="),
        r"mine: search_spaces is no attribute of the contract \(did you mean 'search_space'\?\)",
    ),
    "a weight of the labels of another name": (
        (INIT, INIT + "        self.ce_weigth = 0.5\n"),
        r"mine: ce_weigth is no attribute of the contract \(did you mean 'ce_weight'\?\)",
    ),
    "a method of another name": (
        ("    def forward", "    @classmethod\n    def skips(cls, *_): return None\n\n    def forward"),
        r"mine: skips is no attribute of the contract \(did you mean 'skip'\?\)",
    ),
    "a search space of what is no hyperparameter": (
        ('{"beta": L', '{"betas": L'),
        r"mine: search_space: betas is no hyperparameter \(did you mean 'beta'\?\)",
    ),
    "a teacher that is not detached": (
        ("= last_of(self, student, teacher, batch)", "= student.last, teacher.last"),
        r"mine: the teacher receives a gradient; detach .*: `teacher.detached\(\)` or last_of, layers_of or .*",
    ),
    "an IndexError for shapes": (
        ("h_student, h_teacher = last_of(", "student.logits[5]\n        h_student, h_teacher = last_of("),
        r"mine: one student row .* must end in a ValueError, not in an IndexError; begin `forward` with last_of, .*",
    ),
    "sampling that draws nothing": (
        ('title = "', 'samples = "nodes"\n    title = "'),
        r"mine: declares samples = 'nodes', but no seed .* \[node/multiclass, .*\]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence(fault: str, checked: Checked) -> None:
    change, told = FAULTS[fault]
    found = checked("method", change)
    assert any(re.fullmatch(told, line) for line in found), found
    assert not any("\n" in line for line in found)


@pytest.mark.parametrize("reads", [False, True])
def test_what_a_method_reads_is_its_own(reads: bool, checked: Checked) -> None:
    found = checked(
        "method",
        ('title = "', 'teacher_extra = 1.0\n    title = "'),
        ("self.beta = beta", f"self.beta = beta{' * self.teacher_extra' if reads else ''}"),
    )
    assert found == [] if reads else any("teacher_extra is no attribute" in line for line in found)


@pytest.mark.parametrize("method", methods.available())
def test_shipped_methods_have_no_attribute_of_a_mistyped_name(method: str) -> None:
    assert list(strays_of_class(methods.load(method), Method)) == []


def test_all_faults_are_told_at_once(checked: Checked) -> None:
    found = checked(
        "method",
        ('title = "Mine"', 'title = ""'),
        (
            "h_student, h_teacher = last_of(self, student, teacher, batch)",
            "h_student, h_teacher = student.last, teacher.last",
        ),
        (TERM, '"hidden": (self.project(h_student) - h_teacher).square().sum() * batch.epoch'),
    )
    for words in ("no title", "teacher receives a gradient", "number of nodes", "uses_epoch", "was not refused"):
        assert any(words in line for line in found), words


LOSS = TERM.removeprefix('"hidden": ')
KEPT = {
    "a mean from 0 on": ("self.kept = 0.0", "self.kept = 0.9 * self.kept + 0.1 * loss.detach()"),
    "a mean from its first value on": (
        "self.kept = None",
        "self.kept = loss.detach() if self.kept is None else 0.9 * self.kept + 0.1 * loss.detach()",
    ),
    "the first value": ("self.kept = None", "self.kept = loss.detach() if self.kept is None else self.kept"),
    "a stream": (
        "self.own = torch.Generator().manual_seed(0)",
        "self.kept = torch.rand((), generator=self.own, dtype=torch.float64)",
    ),
    "a buffer that is not saved": (
        'self.register_buffer("kept", torch.ones(()), persistent=False)',
        "self.kept = 0.9 * self.kept + 0.1 * loss.detach()",
    ),
    "in the memo": ("pass", 'self.kept = batch.memo(self, "first", lambda: loss.detach())'),
    "": ('self.register_buffer("kept", torch.ones(()))', "self.kept = 0.9 * self.kept + 0.1 * loss.detach()"),
    "what is the same at every step": (
        'self.register_buffer("kept", torch.ones(()))',
        "self.where = batch.labels.shape",
    ),
    "a late buffer": (
        'self.register_buffer("kept", None)',
        "self.kept = loss.detach() if self.kept is None else 0.9 * self.kept + 0.1 * loss.detach()",
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_what_a_resumed_training_would_lose_is_told(kind: str, checked: Checked) -> None:
    made, moved = KEPT[kind]
    found = checked(
        "method",
        (INIT, f"{INIT}        {made}\n"),
        ("return {" + TERM + "}", f"loss = {LOSS}\n        {moved}\n        return {{'hidden': loss + self.kept}}"),
        ("from torch import", "import torch\nfrom torch import"),
    )
    if kind in ("", "what is the same at every step"):
        assert found == []
    elif kind == "a late buffer":
        assert any("a resumed training cannot take its state over (make heads and buffers" in line for line in found)
    else:
        lost = r"mine: keeps state that a resumed training would lose \(register it as a buffer, .*\): hidden \S+ -> .*"
        assert any(re.fullmatch(lost, line) for line in found), found


VIEW = """
    uses_view = True

    def view(self, features, answer, teacher, batch):
        loss = (answer(features).logits - teacher.detached().logits).square().mean()
        self.kept = 0.9 * self.kept + 0.1 * loss.detach()
        return {"view": loss + self.kept}
"""


@pytest.mark.parametrize(("made", "lost"), [("self.kept = 0.0", True), (KEPT[""][0], False)])
def test_so_is_what_only_a_second_view_keeps(made: str, lost: bool, checked: Checked) -> None:
    found = checked(
        "method",
        (INIT, f"{INIT}        {made}\n"),
        ("return {" + TERM + "}", "return {" + TERM + "}\n" + VIEW),
        ("from torch import", "import torch\nfrom torch import"),
    )
    assert any("keeps state that a resumed training would lose" in line and ": view " in line for line in found) == lost
    assert lost or found == []


DRAWN = """chosen = torch.randperm(len(h_student), generator=batch.generator)[:6]
        return {"hidden": (self.project(h_student) - h_teacher)[chosen].square().mean()}"""
SAMPLED = (("return {" + TERM + "}", DRAWN), ("from torch import", "import torch\nfrom torch import"))


WEIGHTS = ("1 - batch.epoch / batch.epochs", "batch.epoch / batch.epochs", "float(batch.epoch > 50)")


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("declared", [True, False])
def test_a_weight_of_epochs_is_declared_and_may_be_nothing_at_some(
    weight: str, declared: bool, checked: Checked
) -> None:
    term = TERM.replace("self.beta", f"({weight})")
    found = checked("method", (TERM, term), ('title = "', f'uses_epoch = {declared}\n    title = "'))
    assert found == [] if declared else any("declare uses_epoch" in line for line in found)


ALONG = """source, target = batch.edge_index
        if EMPTY: raise NotApplicableError("none")
        gap = h_teacher[source] - h_teacher[target] - self.project(h_student)[source]
        return {"hidden": MEAN}"""


@pytest.mark.parametrize(
    ("empty", "mean", "told"),
    [
        ("not len(source)", "gap.square().mean()", None),
        ("False", "gap.square().sum() / max(len(source), 1)", None),
        ("False", "gap.square().mean()", "a term is not finite where no edge joins two distilled nodes"),
        ("False", "gap[:1].square().mean() + gap[0].mean()", "no edge between distilled nodes ends in IndexError"),
    ],
)
def test_distilled_nodes_may_have_no_edge_between_them(
    empty: str, mean: str, told: str | None, checked: Checked
) -> None:
    found = checked(
        "method",
        ("return {" + TERM + "}", ALONG.replace("EMPTY", empty).replace("MEAN", mean)),
        ("import Batch,", "import Batch, NotApplicableError,"),
        ('title = "', 'uses_edges = True\n    depends_on_rows = depends_on_order = True\n    title = "'),
    )
    assert found == [] if told is None else any(told in line for line in found), found


def test_a_method_that_draws_rows_declares_it(checked: Checked) -> None:
    assert any("order of nodes" in line for line in checked("method", *SAMPLED))


def test_order_does_not_matter_to_the_mean_over_draws(checked: Checked) -> None:
    assert checked("method", *SAMPLED, ('title = "', 'samples = "nodes"\n    title = "')) == []


def test_order_still_matters_where_draws_prefer_some_rows(checked: Checked) -> None:
    changes = [(old, new.replace("len(h_student)", "8")) for old, new in SAMPLED]
    (line,) = checked("method", *changes, ('title = "', 'samples = "nodes"\n    depends_on_rows = True\n    title = "'))
    assert "order of nodes" in line and "over 40 draws" in line
