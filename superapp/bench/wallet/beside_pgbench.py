"""Transfers beside what PostgreSQL's own benchmark makes of this server: TPC-B, prepared, as many clients."""

import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from superapp.bench.frame import Report, Run, Scale, interleave
from superapp.bench.limits import bare_wallet
from superapp.bench.stand import Stand
from superapp.bench.wallet import accounts
from superapp.bench.wallet.callers import Callers
from superapp.bench.wallet.transferring import SECONDS, WALLETS, WARM_UP_SECONDS
from superapp.localdev import postgres
from superapp.localdev.progress import Problem, note, step

#: So many branches, a row that each transaction changes one of: enough that clients hardly wait for one another.
BRANCHES = 50
_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")


def run(stand: Stand, report: Report, scale: Scale, ours: Callers, bare: Callers) -> None:
    branches, program = scale.of(BRANCHES), _pgbench()
    note("tpcb", f"by {program}" if program else "there is no pgbench: the same by psycopg2, statements prepared")
    report.figure("tpcb_by_pgbench", float(program is not None))
    with step("tables", f"of TPC-B: {branches} branches"):
        _initialise(stand, program, branches)
        pairs = accounts.pairs(accounts.wallets(scale.of(WALLETS, least=64)))
        # As pgbench has done with its own.
        accounts.look_after_tables(stand)

    def tpcb(seconds: float) -> Run:
        if program is None:
            return bare.run(stand, "tpcb", seconds=seconds, scale=branches)
        return _run(stand, program, clients=len(ours.processes), seconds=seconds)

    def transfers(seconds: float) -> Run:
        return ours.run(stand, "transfer", seconds=seconds, pairs=pairs)

    sides: dict[str, Callable[[float], Run]] = {"ours": transfers, "tpcb": tpcb}
    seconds = max(0.2, SECONDS * scale.factor)
    with step("tpcb", "as fast as it goes: the product's transfers, TPC-B"):
        for side in sides.values():
            side(min(seconds, WARM_UP_SECONDS))
        fast = interleave({name: partial(side, seconds) for name, side in sides.items()}, rounds=scale.rounds)
    report.runs("transfer_beside_tpcb", fast, unit="transaction")
    report.rate_ratio("transfer_rate_vs_tpcb", fast, of="ours", to="tpcb")


def _pgbench() -> Path | None:
    """That of the server's own release, or of the machine."""
    candidates = [shutil.which("pgbench")]
    try:
        candidates.insert(0, str(postgres.installed_program() / "pgbench"))
    except Problem:
        pass
    for found in candidates:
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
            return Path(found)
    return None


def _initialise(stand: Stand, program: Path | None, branches: int) -> None:
    url = stand.addresses.database_owner_url
    if program is None:
        bare_wallet.tpcb_tables(url, scale=branches)
    else:
        _checked([program, "--initialize", "--quiet", "--scale", str(branches), url])


def _run(stand: Stand, program: Path, *, clients: int, seconds: float) -> Run:
    command: list[str | Path] = [
        program,
        "--no-vacuum",
        "--protocol",
        "prepared",
        "--client",
        str(clients),
        "--jobs",
        "2",
    ]
    # It knows whole seconds, or a number of transactions.
    command += ["--time", str(round(seconds))] if seconds >= 1 else ["--transactions", "20"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with stand.measured() as spent:
        said = _checked([*command, stand.addresses.database_url])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    done, failed = _DONE.search(said), _FAILED.search(said)
    assert done is not None, said
    return Run(
        units=int(done[1]),
        seconds=spent.seconds,
        cpu_seconds={
            "callers": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            **spent.cpu_seconds,
        },
        paced=False,
        errors=int(failed[1]) if failed else 0,
    )


def _checked(command: list[str | Path]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(ended.stderr, file=sys.stderr)
        raise Problem("pgbench ended with an error.", cure="What it printed above says why.")
    return ended.stdout
