"""A transfer of the ledger, called as the product calls it, beside psycopg2 that calls the same function."""

from functools import partial

from superapp.bench.frame import MAX_PACE, Report, Run, Scale, interleave
from superapp.bench.stand import Stand
from superapp.bench.wallet import accounts
from superapp.bench.wallet.callers import Callers
from superapp.localdev.progress import step

WALLETS = 8_000
SECONDS = 5.0
WARM_UP_SECONDS = 1.0
# A little under what counts: the slower side may have been measured in a good moment.
PACE = MAX_PACE - 0.1


def run(stand: Stand, report: Report, scale: Scale, ours: Callers, bare: Callers) -> None:
    seconds = max(0.2, SECONDS * scale.factor)
    with step("wallets", "opened and filled"):
        sides = {
            name: (callers, accounts.pairs(accounts.wallets(scale.of(WALLETS, least=64))))
            for name, callers in (("ours", ours), ("bare", bare))
        }

    def go(name: str, *, rate: float | None = None) -> Run:
        callers, pairs = sides[name]
        return callers.run(stand, "transfer", seconds=seconds, pairs=pairs, rate=rate)

    with step("transfer", "as fast as it goes, then at one pace: the product, psycopg2 alone"):
        for callers, pairs in sides.values():
            callers.run(stand, "transfer", seconds=min(seconds, WARM_UP_SECONDS), pairs=pairs)
        accounts.look_after_tables(stand)
        fast = interleave({name: partial(go, name) for name in sides}, rounds=scale.rounds)
        rate = PACE * min(run.rate for runs in fast.values() for run in runs)
        paced = interleave({name: partial(go, name, rate=rate) for name in sides}, rounds=scale.rounds)
    report.runs("transfer_fast", fast, unit="transfer")
    report.rate_ratio("transfer_rate_vs_bare", fast, of="ours", to="bare")
    report.runs("transfer", paced, unit="transfer")
    report.figure("transfer_pace_per_s", round(rate, 1))
    report.cpu_ratio("transfer_cpu_vs_bare", paced, of="ours", to="bare")
