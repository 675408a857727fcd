"""The numbers of every method's defaults, written down once more: another one is another method under its name.

Most are published, and the docstring of each method says where; others are this project's, and say so there.
"""

from __future__ import annotations

import methods

NUMBERS = {
    "abkd": {"beta": 10.0},
    "abkd-axis-pairs": {"beta": 10.0},
    "abkd-axis-student": {"beta": 10.0},
    "abkd-last": {"beta": 10.0},
    "abkd-many-to-one": {"beta": 10.0},
    "abkd-one-to-many": {"beta": 10.0},
    "abkd-pooled": {"beta": 10.0},
    "abkd-regression": {"beta": 10.0},
    "abkd-trained-values": {"dim": 64, "beta": 1.0, "gamma": 0.1},
    "abkd-uniform": {"beta": 10.0},
    "afd": {"beta": 3.125, "dim": 128},
    "at": {"beta": 100000.0},
    "cc": {"beta": 100.0, "gamma": 0.4, "max_samples": 4096},
    "cka": {"beta": 1.0},
    "crd": {"beta": 0.8, "tau2": 0.07, "projection": 128, "max_samples": 1024},
    "crd-bank": {
        "beta": 0.8,
        "tau2": 0.07,
        "momentum": 0.5,
        "negatives": 16384,
        "projection": 128,
        "max_samples": 1024,
    },
    "dist": {"beta": 2.0, "gamma": 2.0, "temperature": 1.0},
    "dkd": {"alpha": 1.0, "beta": 8.0, "temperature": 4.0, "warm_up": 20},
    "ff-g2m": {"alpha": 0.9, "temperature": 1.5},
    "ff-g2m-high": {"alpha": 0.9, "temperature": 1.5},
    "ff-g2m-low": {"alpha": 0.9},
    "fitnet": {"beta": 3.90625, "projection": 256},
    "g2mlp": {"alpha": 1.0, "beta": 0.1, "gamma": 1.0},
    "gcrd": {"beta": 0.1, "tau2": 0.075, "projection": 256, "max_samples": 16384},
    "gkd": {"beta": 1.0, "delta": 0.1, "width": 1.0, "max_samples": 2048},
    "glnn-two-steps": {"lamb": 0.0},
    "graphakd": {"beta": 1.0, "l1": 1.0, "embedding": 1.0},
    "graphakd-logits": {"beta": 1.0, "l1": 1.0},
    "gsp": {"projection": 128, "max_samples": 4096},
    "hard-targets": {"alpha": 0.9, "temperature": 1.0},
    "hgmd": {"alpha": 0.9, "hardness": 3.0, "mixing": 0.4, "temperature": 1.0},
    "hgmd-weight": {"alpha": 0.9, "hardness": 3.0, "temperature": 1.0},
    "ickd": {"beta": 2.5},
    "kd": {"alpha": 0.9, "temperature": 4.0},
    "kd-standardised": {"beta": 9.0, "temperature": 2.0, "label_weight": 0.1},
    "krd": {"alpha": 0.9, "temperature": 1.0, "momentum": 0.99, "warm_up": 50},
    "krd-noise": {"alpha": 0.9, "temperature": 1.0, "momentum": 0.99, "warm_up": 50},
    "label-smoothing": {"epsilon": 0.1},
    "lsp": {"beta": 10.0},
    "mugsi": {"beta": 1.0, "cluster": 0.1, "walk": 0.1, "paths": 20, "length": 8},
    "mugsi-pool": {"beta": 1.0},
    "mustad": {"prediction": 1.0, "embedding": 0.1, "temperature": 2.0},
    "nosmog": {"alpha": 1.0, "adversarial": 0.1, "radius": 0.01, "steps": 5, "beta": 1.0},
    "nosmog-gram": {"beta": 1.0},
    "nst": {"beta": 50.0},
    "pkt": {"beta": 100.0, "max_samples": 4096},
    "propagate-distill": {"alpha": 1.0, "gamma": 0.9, "steps": 10},
    "propagate-distill-fixed": {"alpha": 1.0, "gamma": 0.9, "steps": 10},
    "reviewkd": {"beta": 1.0, "warm_up": 20},
    "rkd": {"distance": 25.0, "angle": 50.0, "max_samples": 128},
    "self": {"alpha": 0.9, "temperature": 4.0},
    "semckd": {"beta": 400.0, "dim": 16, "max_samples": 512},
    "shuffled": {"alpha": 0.9, "temperature": 4.0},
    "sp": {"beta": 20.0},
    "srrl": {"alpha": 1.0, "beta": 1.0},
    "stride": {"dim": 64, "beta": 10.0, "structure_weight": 0.1, "tau2": 0.075, "max_samples": 2048, "max_pairs": 12},
    "stride-embedding": {"beta": 10.0},
    "stride-structure": {"dim": 64, "structure_weight": 0.1, "tau2": 0.075, "max_samples": 2048, "max_pairs": 12},
    "tempered": {"temperature": 0.33},
    "tined-energy": {"beta": 0.1},
    "vid": {"beta": 1.0, "variance": 5.0},
    "virtual-teacher": {"alpha": 0.1, "correct": 0.99, "temperature": 20.0},
}


def test_defaults_are_the_numbers_that_are_written_down() -> None:
    found = {}
    for name in methods.available():
        numbers = {key: value for key, value in methods.defaults(name).items() if type(value) in (int, float)}
        found |= {name: numbers} if numbers else {}
    assert found == NUMBERS
