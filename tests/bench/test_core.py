"""The bench of core works, and both of its sides still say the same. Its numbers mean nothing at this size."""

import pytest

from superapp.bench.core import LIMITS, shape
from tests.bench.smoke import smoke_run


def test_answers_are_compared_without_what_differs_by_nature() -> None:
    one = '{"id":"12","seq":7,"client_id":"fcdceb62-a6e8-4078-a906-8a7fa3d1a208","created_at":"2026-11-25T04:52:49.7Z"}'
    assert shape(one) == '{"id":"0","seq":0,"client_id":"uuid","created_at":"0-0-0T0:0:0.0Z"}'
    assert shape(one) != shape(one.replace("seq", "number"))


@pytest.mark.long
def test_bench_of_core_measures_all_that_it_promises() -> None:
    # Void for its size alone, and so neither for errors nor for answers that differ.
    result, _text = smoke_run("core")
    assert result["figures"].keys() | result["ratios"].keys() >= LIMITS.keys()
    assert min(result["figures"].values()) > 0
