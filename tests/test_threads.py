"""Tasks side by side: order, failure, and stopping."""

import threading

import pytest

from forecast.errors import NumericalError
from forecast.threads import side_by_side


def test_results_come_in_the_order_of_the_tasks():
    second = threading.Event()

    def first(check):
        second.wait(0.2)
        return 1

    def other(check):
        second.set()
        return 2

    assert side_by_side([first, other]) == [1, 2]


@pytest.mark.parametrize("error", [NumericalError, KeyboardInterrupt])
def test_failure_of_one_stops_the_others_and_is_raised(error):
    started, stopped = threading.Event(), []

    def fails(check):
        started.wait(10)
        raise error("planted")

    def goes_on(check):
        started.set()
        try:
            for _ in range(10_000):
                threading.Event().wait(0.001)
                check()
        except KeyboardInterrupt:
            stopped.append(True)
            raise

    with pytest.raises(error):
        side_by_side([fails, goes_on])
    assert stopped or threading.active_count() == 1  # on one core the second may never have started
