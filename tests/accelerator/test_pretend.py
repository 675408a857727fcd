"""The tool itself: planted mistakes are found, and what CUDA does without waiting is not counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from methods.sparse import Pattern
from tests.accelerator import CUDA, HOST, Pretend
from workflow.training.seeds import Streams

HERE = "tests/accelerator/test_pretend.py"


@pytest.fixture
def gpu():
    with Pretend() as pretend:
        yield pretend


def made(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator(CUDA).manual_seed(1), device=CUDA)


def sparse(values: Tensor, places: Tensor) -> Tensor:
    return Pattern(torch.tensor([0, 1, 2], device=CUDA), places, 4).matrix(values)


def rows_of_a_table(x: Tensor) -> Tensor:
    return torch.sparse_coo_tensor(x.argmax(1)[None], x, (6, 4), check_invariants=False)


MIXED: dict[str, Callable[[Tensor], object]] = {
    "sum with a tensor of the host": lambda x: x + torch.ones(4),
    "product with a tensor of the host": lambda x: x @ torch.ones(4, 2),
    "loss on labels of the host": lambda x: nn.functional.cross_entropy(x, torch.zeros(6, dtype=torch.long)),
    "where with a mask of the host": lambda x: torch.where(torch.ones(6, 4, dtype=torch.bool), x, 0),
    "concatenation": lambda x: torch.cat([x, torch.zeros(1, 4)]),
    "a network that stayed": nn.Linear(4, 2),
    "an index of the GPU into the host's memory": lambda x: torch.ones(6)[x.argmax(0)],
    "index_select by the host": lambda x: x.index_select(0, torch.tensor([1, 2])),
    "a value of the host put into the GPU": lambda x: x.index_put((x.argmax(1),), torch.ones(6, 4)),
    "a stream of the host": lambda x: torch.empty_like(x).bernoulli_(0.5, generator=torch.Generator()),
    "a stream of the GPU for the host": lambda x: torch.rand(3, generator=torch.Generator("cuda")),
    "a buffer built on the host in a step": lambda x: x * torch.tensor([1.0, 2.0, 3.0, 4.0]),
    "out on the host": lambda x: torch.mm(x, x.T, out=torch.empty(6, 6)),
}


@pytest.mark.parametrize("mistake", MIXED)
def test_mixed_devices_are_refused(mistake, gpu):
    with pytest.raises(RuntimeError, match=rf"Expected .* device.*{HERE}"):
        MIXED[mistake](made(6, 4))


def test_mixed_devices_are_refused_in_a_backward_pass(gpu):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, upstream):
            return upstream * torch.ones(4).exp()

    with pytest.raises(RuntimeError, match="same device"):
        Wrong.apply(made(4).requires_grad_()).sum().backward()


@pytest.mark.parametrize("read", [lambda x: x.numpy(), lambda x: x.detach().numpy(), lambda x: x.__array__()])
def test_numpy_reads_no_memory_of_the_gpu(read, gpu):
    with pytest.raises(TypeError, match="cuda:0"):
        read(made(3))
    assert read(made(3).cpu()).shape == (3,)


WAITS: dict[str, tuple[str, Callable[[Tensor], object]]] = {
    "item": ("_local_scalar_dense", lambda x: x[0, 0].item()),
    "float": ("_local_scalar_dense", lambda x: float(x.sum())),
    "if": ("_local_scalar_dense", lambda x: 1 if (x > 0).all() else 0),
    "tolist": ("tolist", lambda x: x.tolist()),
    "nonzero": ("nonzero", lambda x: x.nonzero()),
    "where of a condition": ("nonzero", lambda x: torch.where(x > 0)),
    "read by a mask": ("index by a mask", lambda x: x[x > 0]),
    "write by a mask": ("index_put_ by a mask", lambda x: x.__setitem__(x > 0, made(1)[0])),
    "masked_select": ("masked_select", lambda x: x.masked_select(x > 0)),
    "unique": ("_unique2", lambda x: x.unique()),
    "bincount": ("bincount", lambda x: x.argmax(1).bincount()),
    "repeat_interleave": ("repeat_interleave without output_size", lambda x: x.repeat_interleave(x.argmax(1), 0)),
    "equal": ("equal", lambda x: torch.equal(x, x)),
    "synchronize": ("synchronize", lambda x: torch.cuda.synchronize()),
    "copy to the host": ("copy, device to host", lambda x: x.cpu()),
    "to the host": ("copy, device to host", lambda x: x.to("cpu", torch.float64)),
    "copy_ to the host": ("copy, device to host", lambda x: torch.empty(6, 4).copy_(x)),
    "copy to the GPU": ("copy, host to device", lambda x: x + torch.ones(4).to(x.device)),
    "copy to where another is": ("copy, host to device", lambda x: x + torch.ones(4).to(x)),
    "a checked factorisation": ("_linalg_check_errors", lambda x: torch.linalg.cholesky(x.T @ x)),
    "a tensor built for the GPU": ("copy, host to device", lambda x: torch.tensor([1.0, 2.0], device=x.device)),
    "an index of the host": ("copy, host to device", lambda x: x[torch.tensor([1, 2])]),
    "a list as an index": ("copy, host to device", lambda x: x[[1, 2]]),
    "memory that is not pinned": ("copy, host to device", lambda x: torch.ones(4).to(CUDA, non_blocking=True)),
    "pinned, but blocking": ("copy, host to device", lambda x: torch.ones(4).pin_memory().to(CUDA)),
    "coalesce": ("_coalesce", lambda x: rows_of_a_table(x).coalesce()),
}


@pytest.mark.parametrize("mistake", WAITS)
def test_waits_are_counted_with_their_place(mistake, gpu):
    why, call = WAITS[mistake]
    x = made(6, 4)
    with gpu.watched() as seen:
        call(x)
    assert [key[0] for key in seen.waits] == [why]
    assert all(place.startswith(HERE) for _, place in seen.waits)


SORTS: dict[str, Callable[[Tensor], object]] = {
    "index_add": lambda x: x.new_zeros(4, 4).index_add(0, x.argmax(1), x),
    "index_add_": lambda x: x.new_zeros(4, 4).index_add_(0, x.argmax(1), x),
    "scatter_add": lambda x: x.new_zeros(6, 4).scatter_add(1, x.argsort(1), x),
    "index_put": lambda x: x.index_put((x.argmax(1),), x, accumulate=True),
    "the way back of index_select": lambda x: x.requires_grad_().index_select(0, x.argmax(1)).sum().backward(),
    "the way back of gather": lambda x: x.requires_grad_().gather(1, x.argsort(1)).sum().backward(),
    "the way back of an index": lambda x: x.requires_grad_()[x.argmax(1)].sum().backward(),
}


@pytest.mark.parametrize("call", SORTS.values(), ids=SORTS)
def test_sums_by_an_index_are_counted(call, gpu):
    x = made(6, 4)
    with gpu.watched() as seen:
        call(x)
        x.detach().cumsum(0).index_put((x.argmax(1),), x.detach())
    assert seen.sorts.total() == 1


@pytest.mark.parametrize("read", [lambda x: x.tolist(), lambda x: x.numpy(), lambda x: x + 1, float])
def test_what_is_on_its_way_to_the_host_is_not_read(read, gpu):
    x = made(1).to("cpu", non_blocking=True)
    with pytest.raises(RuntimeError, match="on its way"):
        read(x)
    made(1).item()  # waits for all that was asked before
    read(x)


FREE: dict[str, Callable[[Tensor], object]] = {
    "a scalar of the host": lambda x: x * torch.tensor(2.0) + 1,
    "where it is already": lambda x: x.argmax(1).to(x) + x.to(x).sum(1),
    "a new tensor beside it": lambda x: x + x.new_zeros(4) + torch.zeros_like(x) + torch.ones(4, device=x.device),
    "an index of the GPU": lambda x: x[x.argmax(1)],
    "a slice": lambda x: x[1:3],
    "a copy to the host that nobody reads yet": lambda x: x.to("cpu", non_blocking=True),
    "repeat_interleave of a known size": lambda x: x.repeat_interleave(x.argmax(1) * 0 + 2, 0, output_size=12),
    "to where it is": lambda x: x.to(CUDA).double().to("cuda", torch.float32),
    "pinned memory": lambda x: torch.ones(4).pin_memory().to(CUDA, non_blocking=True),
    "its own stream": lambda x: torch.randperm(9, generator=torch.Generator(CUDA), device=CUDA),
    "a selection by a product": lambda x: torch.where(x > 0, x, 0).sum(),
    "the host's own": lambda x: torch.ones(4)[torch.ones(4) > 0].tolist(),
}


@pytest.mark.parametrize("call", FREE)
def test_what_waits_for_nothing_is_not_counted(call, gpu):
    x = made(6, 4)
    with gpu.watched() as seen:
        FREE[call](x)
    assert not seen.waits
    assert seen.copies.total() == (call in ("pinned memory", "a copy to the host that nobody reads yet"))


def test_networks_optimizers_and_gradients_are_where_their_tensors_are(gpu):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).to("cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    with gpu.watched() as seen:
        model(made(6, 4)).sum().backward()
        optimizer.step()
    assert {x.device for x in [*model.state_dict().values(), *(p.grad for p in model.parameters())]} == {CUDA}
    assert not seen.waits
    assert seen.kernels > 20
    assert {value.device for value in model.cpu().state_dict().values()} == {HOST}


def test_gradients_come_back_to_the_host(gpu):
    weight = torch.ones(3, requires_grad=True)
    (weight.to("cuda") * made(3)).sum().backward()
    assert weight.grad.device == HOST


@pytest.mark.parametrize(("first", "raises"), [(0, False), (1, True), (2, True), (4, False)])
def test_slices_of_a_sparse_matrix_must_be_aligned(first, raises, gpu):
    matrix = sparse(made(8)[first : first + 2], torch.tensor([0, 3], device=CUDA))
    if not raises:
        assert (matrix @ made(4, 2)).device == CUDA
        return
    with pytest.raises(RuntimeError, match="16 bytes"):
        matrix @ made(4, 2)


def test_draws_from_the_global_stream_of_the_gpu_are_seen(gpu):
    with pytest.raises(Exception, match="global random stream"), Streams(0, "student", CUDA).watched():
        nn.functional.dropout(made(6, 4), 0.5)


def test_nothing_of_it_stays():
    with Pretend():
        x = made(2)
    assert not torch.cuda.is_available()
    assert (x.device, torch.Generator is torch._C.Generator) == (HOST, True)
