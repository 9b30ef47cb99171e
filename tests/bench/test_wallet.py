"""The bench of the wallet works, and the books are even after it. Its numbers mean nothing here."""

from typing import Any

import psycopg2
import pytest

from superapp.bench.limits import bare_wallet
from tests.bench.smoke import smoke_run

LIMITS = {
    "transfer_rate_vs_bare": "≥ 0.7",
    "transfer_cpu_vs_bare": "≤ 1.6",
    "transfer_rate_vs_tpcb": "≥ 0.5",
    "hot_vs_distinct": "≥ 0.5",
    "red_packet_p99_ms": "≤ 1000",
}


@pytest.mark.long
def test_bench_of_the_wallet_measures_all_that_it_promises() -> None:
    # Void for its size alone: nothing was refused, and nothing that was paid is missing.
    result, text = smoke_run("wallet")
    assert result["figures"].keys() | result["ratios"].keys() >= LIMITS.keys()
    shown = [line.split() for line in text.splitlines()]
    for name, limit in LIMITS.items():
        assert any(words[:1] == [name] and words[2:4] == limit.split() for words in shown)


def test_where_there_is_no_pgbench_psycopg2_stands_in(committed_db: Any) -> None:
    bare_wallet.tpcb_tables(committed_db.database_owner_url, scale=1)
    connection = psycopg2.connect(committed_db.database_url)
    order = {"work": "tpcb", "seconds": 0.2, "rate": 50, "scale": 1}
    # The second order finds what the first one prepared.
    done = sum(
        bare_wallet.run(bare_wallet.tpcb(connection, order, bare_wallet.Ids(0)), connection, order)["done"]
        for _ in range(2)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),"
            " (SELECT sum(bbalance) FROM pgbench_branches), sum(delta), count(*) FROM pgbench_history"
        )
        *sums, count = cursor.fetchone()
    connection.close()
    assert count == done > 0
    assert len(set(sums)) == 1
