"""A pretend GPU for tests on a machine without one.

    with Pretend() as gpu:
        model.to("cuda")            # tensors of the CPU, which say and count as being on cuda:0
        with gpu.watched() as seen:
            step()
    seen.waits, seen.copies         # Counters of (what, file:line)

An operation that mixes the GPU's tensors with the host's raises, as CUDA does; what makes the host wait for the GPU,
and every copy between the two, is counted with its place. No kernel is judged: what CUDA computes, a GPU must tell.
"""

from tests.accelerator.pretend import CUDA, HOST, Pretend, Seen

__all__ = ["CUDA", "HOST", "Pretend", "Seen"]
