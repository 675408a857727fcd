"""Self-distillation: Furlanello et al., "Born-Again Neural Networks", ICML 2018.

A control: what the size of a teacher adds.
"""

from __future__ import annotations

from baselines.kd import SoftTargets


class OwnSize(SoftTargets):
    """kd from a teacher that is a network of the student's own size, trained as the student is, at another start.

    Every hyperparameter is that of kd.
    """

    title = "KD, own size"
    year = 2018
    citation = "furlanello2018born"
    control = True
    own_size = True
