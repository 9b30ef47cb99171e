"""What people do with money, as a service and as a request. Figures: nothing has to be reached here."""

from superapp.accounts import services as accounts
from superapp.bench import granian, load
from superapp.bench.caller import AMOUNT_MINOR, CURRENCY
from superapp.bench.chat import people
from superapp.bench.frame import Report, Run, Scale
from superapp.bench.stand import Stand
from superapp.bench.wallet.accounts import let_pay, wallets_of
from superapp.bench.wallet.callers import Callers, Pair
from superapp.bench.wallet.transferring import SECONDS, WARM_UP_SECONDS
from superapp.localdev.progress import Problem, step

FRIENDS = 200
REQUESTS = 1_500
CONNECTIONS = 8


def run(stand: Stand, report: Report, scale: Scale, ours: Callers) -> None:
    with step("people", "who are friends and have money"):
        pairs = _friends(scale.of(FRIENDS, least=2 * len(ours.processes)))
    seconds = max(0.2, SECONDS * scale.factor)
    with step("create", "the whole service of a transfer, as fast as it goes"):
        ours.run(stand, "create_transfer", seconds=min(seconds, WARM_UP_SECONDS), pairs=pairs)
        runs = [ours.run(stand, "create_transfer", seconds=seconds, pairs=pairs) for _ in range(scale.rounds)]
    report.runs("create", {"transfer": runs}, unit="transfer")
    with step("post", "POST /transfers/, as fast as they are answered"), granian.serving(stand, "product") as server:
        requests = [_request(*pair) for pair in pairs[:16]]
        _posted(stand, report, server, requests, count=scale.of(REQUESTS, least=40) // 5)
        posts = [
            _posted(stand, report, server, requests, count=scale.of(REQUESTS, least=40)) for _ in range(scale.rounds)
        ]
    report.runs("post", {"transfers": posts}, unit="request")


def _friends(count: int) -> list[Pair]:
    found = [(pair.member_ids[0], pair.member_ids[1]) for pair in people.pairs(count)]
    wallets_of([user_id for pair in found for user_id in pair])
    let_pay((payer_id, f"user:{payee_id}") for payer_id, payee_id in found)
    return found


def _request(payer_id: int, payee_id: int) -> str:
    session = accounts.start_session(user_id=payer_id, device_name="bench", platform="terminal")
    return load.request(
        "POST",
        "/api/v1/transfers/",
        headers={"Authorization": f"Bearer {session.access.text}", "Idempotency-Key": load.KEY},
        body=f'{{"payee_id":"{payee_id}","amount":{{"amount":{AMOUNT_MINOR},"currency":"{CURRENCY}"}}}}',
    )


def _posted(stand: Stand, report: Report, server: granian.Server, requests: list[str], *, count: int) -> Run:
    client = load.Client(load.Plan(server.port, requests, 201, count, CONNECTIONS))
    with stand.measured(server=[server.child.pid]) as spent:
        seen = client.go()
    if seen.errors:
        raise Problem(
            f"POST /transfers/ was answered {seen.error_body}.", cure="product.log in .local/bench may say why."
        )
    report.figure("post_transfers_p50_ms", seen.p50_ms)
    report.figure("post_transfers_p99_ms", seen.p99_ms)
    return Run(
        units=seen.answered,
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds,
        client_cpu_seconds=seen.cpu_seconds,
        paced=False,
    )
