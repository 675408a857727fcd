"""A block that takes too long ends, whatever it does; one that does not leaves no trace."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import pytest

from workflow.training import limits
from workflow.training.limits import TimeLimitError, time_limit


def sleeps():
    time.sleep(30)


def spins():
    while True:
        pass


def swallows_once():
    try:
        spins()
    except BaseException:
        spins()


def swallows_exceptions():
    for _ in range(2):
        with contextlib.suppress(Exception):
            time.sleep(6)


@pytest.fixture(autouse=True)
def again_soon(monkeypatch):
    """And whatever a test does, no alarm is left for the next one."""
    monkeypatch.setattr(limits, "AGAIN_SECONDS", 0.2)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.parametrize("hangs", [sleeps, spins, swallows_once, swallows_exceptions])
def test_what_hangs_is_ended(hangs):
    began = time.monotonic()
    with pytest.raises(TimeLimitError, match=r"^took longer than 0\.1 s$"), time_limit(0.1):
        hangs()
    assert time.monotonic() - began < 5


def handled_by():
    return signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)


@pytest.mark.parametrize("hangs", [sleeps, lambda: None])
def test_the_earlier_handler_is_back_and_the_timer_stands(hangs):
    def own(number, frame):
        pass

    old = signal.signal(signal.SIGALRM, own)
    try:
        try:
            with time_limit(0.1):
                hangs()
        except TimeLimitError:
            pass
        assert handled_by() == (own, (0.0, 0.0))
        time.sleep(0.3)
    finally:
        signal.signal(signal.SIGALRM, old)


def test_a_signal_while_the_timer_is_stopped_leaves_nothing_behind(monkeypatch):
    before, set_timer, calls = signal.getsignal(signal.SIGALRM), signal.setitimer, []

    def late(which, seconds, *interval):
        calls.append(seconds)
        if calls == [10, 0]:
            signal.raise_signal(signal.SIGALRM)
        return set_timer(which, seconds, *interval)

    monkeypatch.setattr(signal, "setitimer", late)
    with pytest.raises(TimeLimitError), time_limit(10):
        pass
    assert handled_by() == (before, (0.0, 0.0))


def test_an_error_of_the_block_comes_through():
    with pytest.raises(ZeroDivisionError), time_limit(10):
        _ = 1 / 0
    assert handled_by()[1] == (0.0, 0.0)


def test_without_a_limit_nothing_is_set():
    before = handled_by()
    with time_limit(None):
        assert handled_by() == before


def test_in_another_thread_nothing_is_limited():
    ended = []

    def run():
        with time_limit(0.05):
            time.sleep(0.2)
            ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == [True]


@pytest.mark.parametrize("seconds", [0, -1.5])
def test_a_limit_is_positive(seconds):
    with pytest.raises(ValueError, match="more than 0 s"), time_limit(seconds):
        pass
