"""The bench of chat works, and all of its servers hand out what is published. Its numbers mean nothing here."""

import pytest

from tests.bench.smoke import smoke_run

LIMITS = {
    "fanout_2_vs_picows": "≤ 2",
    "fanout_50_vs_picows": "≤ 2.4",
    "fanout_500_vs_picows": "≤ 3",
    "fanout_50_vs_stock": "≤ 0.125",
    "send_cpu_vs_sql": "≤ 3",
    "idle_kib": "≤ 45",
    "group500_p99_ms": "≤ 500",
    "sync_ms": "≤ 300",
}


@pytest.mark.long
def test_bench_of_chat_measures_all_that_it_promises() -> None:
    # Void for its size alone: no server dropped a frame, refused a socket or answered with an error.
    result, text = smoke_run("chat")
    assert result["figures"].keys() | result["ratios"].keys() >= LIMITS.keys()
    shown = [line.split() for line in text.splitlines()]
    for name, limit in LIMITS.items():
        assert any(words[:1] == [name] and words[2:4] == limit.split() for words in shown)
