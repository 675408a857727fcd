"""The embedded data sets in full; in one file, so that two of them compare their molecules once.

`make test-data` makes all of them; the tests make one, and the small ones of every kind elsewhere.
"""

from __future__ import annotations

import os

import pytest

from workflow import catalog

# A change here is a change of the data and of every number reported on them.
FINGERPRINTS = {
    "ace-sim": "834cfd0a02f3649be5044462b444fbefe00d747443f263d5503c12246499a943",
    "ace-het": "e7d64745b87f5977e4877960e9e27feabf9595d5b08d9183e991f658001501a4",
    "ace-mol": "bb31e370e162757f9a83ebd61b1b22a262fde2b0f6f1678de88d461eb58358cf",
}


MADE = list(FINGERPRINTS) if os.environ.get("ABKD_FULL_DATA") else ["ace-sim"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_from_raw_files_to_the_recorded_fingerprint(name: str, one_reading: None) -> None:
    assert catalog.build(name, {}).fingerprint == FINGERPRINTS[name]
