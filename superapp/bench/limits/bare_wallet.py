"""The least that a transfer costs, and TPC-B as pgbench has it, by psycopg2 alone. Frozen.

A transfer is the ledger's own function between BEGIN and COMMIT: three round trips. TPC-B is pgbench's built-in script
with its statements prepared: seven round trips, on tables that ``tpcb_tables`` fills; it stands in where there is no
pgbench.

    python bare_wallet.py DATABASE_URL NUMBER

says ``ready`` and reads lines of JSON: ``{"work", "seconds", "rate", "pairs": [[debit, credit], …], "scale"}``, of
which ``rate`` is per second, or null for as fast as it goes. Each is answered by ``{"done", "errors", "error"}``.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg2

TRANSFER = "SELECT ledger_transfer(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
AMOUNT_MINOR, CURRENCY, PURPOSE, STEP = 1, "CNY", "payments.transfer", "send"
TABLES = """
    CREATE TABLE pgbench_branches (bid int NOT NULL PRIMARY KEY, bbalance int, filler char(88)) WITH (fillfactor=100);
    CREATE TABLE pgbench_tellers (tid int NOT NULL PRIMARY KEY, bid int, tbalance int, filler char(84))
        WITH (fillfactor=100);
    CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor=100);
    CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
    INSERT INTO pgbench_branches SELECT bid, 0, '' FROM generate_series(1, %(scale)s) AS bid;
    INSERT INTO pgbench_tellers SELECT tid, (tid - 1) / 10 + 1, 0, '' FROM generate_series(1, %(scale)s * 10) AS tid;
    INSERT INTO pgbench_accounts
        SELECT aid, (aid - 1) / 100000 + 1, 0, '' FROM generate_series(1, %(scale)s * 100000) AS aid;
    ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);
"""
PREPARED = """
    PREPARE account (int, int) AS UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2;
    PREPARE seen (int) AS SELECT abalance FROM pgbench_accounts WHERE aid = $1;
    PREPARE teller (int, int) AS UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2;
    PREPARE branch (int, int) AS UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2;
    PREPARE history (int, int, int, int) AS
        INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP);
"""


class Ids:
    """As the product makes them: milliseconds, a node, a counter. Their order is that of time, as an index likes it."""

    def __init__(self, number: int) -> None:
        # Nodes of real processes are handed out from 1 on.
        self.node, self.counter = 1023 - number, 0

    def __call__(self) -> int:
        self.counter = (self.counter + 1) % 4096
        return (time.time_ns() // 1_000_000 - 1_767_225_600_000) << 22 | self.node << 12 | self.counter


def transfers(connection: Any, order: dict[str, Any], new_id: Ids) -> Callable[[int], None]:
    pairs, cursor = order["pairs"], connection.cursor()

    def transfer(number: int) -> None:
        debit, credit = pairs[number % len(pairs)]
        cursor.execute(
            TRANSFER,
            [new_id(), debit, credit, AMOUNT_MINOR, CURRENCY, PURPOSE, str(new_id()), STEP, False],
        )
        cursor.fetchone()
        connection.commit()

    return transfer


def tpcb(connection: Any, order: dict[str, Any], _new_id: Ids) -> Callable[[int], None]:
    scale, cursor = order["scale"], connection.cursor()
    chance = random.Random()  # noqa: S311
    cursor.execute("DEALLOCATE ALL;" + PREPARED)
    connection.commit()

    def transact(_number: int) -> None:
        account, branch = chance.randint(1, 100_000 * scale), chance.randint(1, scale)
        teller, delta = chance.randint(1, 10 * scale), chance.randint(-5000, 5000)
        cursor.execute("EXECUTE account (%s, %s)", [delta, account])
        cursor.execute("EXECUTE seen (%s)", [account])
        cursor.fetchone()
        cursor.execute("EXECUTE teller (%s, %s)", [delta, teller])
        cursor.execute("EXECUTE branch (%s, %s)", [delta, branch])
        cursor.execute("EXECUTE history (%s, %s, %s, %s)", [teller, branch, account, delta])
        connection.commit()

    return transact


WORKS = {"transfer": transfers, "tpcb": tpcb}


def tpcb_tables(database_url: str, *, scale: int) -> None:
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES, {"scale": scale})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE pgbench_branches, pgbench_tellers, pgbench_accounts")
    connection.close()


def run(work: Callable[[int], None], connection: Any, order: dict[str, Any]) -> dict[str, Any]:
    done, errors, error = 0, 0, ""
    began = time.perf_counter()
    due, ends = began, began + order["seconds"]
    while (now := time.perf_counter()) < ends:
        if order["rate"] is not None:
            if due >= ends:
                break
            time.sleep(max(0.0, due - now))
            due += 1 / order["rate"]
        try:
            work(done + errors)
            done += 1
        except psycopg2.Error as refusal:
            connection.rollback()
            errors, error = errors + 1, error or str(refusal)
    return {"done": done, "errors": errors, "error": error}


def main() -> None:
    connection, new_id = psycopg2.connect(sys.argv[1]), Ids(int(sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(run(WORKS[order["work"]](connection, order, new_id), connection, order)), flush=True)


if __name__ == "__main__":
    main()
