"""Networks with position encodings in jobs: what they cost, and who reads them."""

from __future__ import annotations

import pytest

from reports.rows import Role
from tests.conftest import TINY
from tests.workflow.training.conftest import TEACHER, cell
from workflow.models import sizes
from workflow.specs import MeasuredNetwork
from workflow.training import measuring

MLP = {"model": "mlp", "layers": 2, "width": 4}
WITH = {**MLP, "positions": 3}


def test_they_count_as_inputs(taught) -> None:
    plain, wide = sizes.measure(MLP, TINY), sizes.measure(WITH, TINY)
    assert wide.params == plain.params + 3 * 4
    networks = [MeasuredNetwork(name="n", role=Role.STUDENT, ratio_target=None, model=spec) for spec in (MLP, WITH)]
    one, other = measuring.measure(networks, taught.folder / "task", "cpu", 1)
    assert (one.status, other.status) == ("ok", "ok")
    assert (other.params, other.macs) == (wide.params, one.macs + 60 * 3 * 4)


@pytest.mark.parametrize("method", ["kd", "krd-noise", "nosmog", "self"])
def test_a_student_reads_them_and_its_teacher_does_not(method: str, taught) -> None:
    for file in (taught.folder / "teacher").rglob("knowledge/*"):
        file.unlink()  # it is made again, by the teacher on its own inputs
    own = {"teacher_model": TEACHER.model, "distill_on": "all"}
    found = {k: taught.distill(cell(method, model=m, **own), name=k) for k, m in (("with", WITH), ("without", MLP))}
    assert {row["status"] for rows in found.values() for row in rows} == {"ok"}
    with_them, without = ([row["kl_to_teacher"] for row in rows] for rows in found.values())
    assert with_them != without
    assert found["with"][0]["config_hash"] != found["without"][0]["config_hash"]
