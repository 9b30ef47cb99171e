"""One process that moves money as the product does, over and over, on a connection of its own.

    python -m superapp.bench.caller

says ``ready`` and reads orders as lines of JSON; ``limits/bare_wallet.py`` has what they look like, and obeys the same.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import django
from django.db import Error, transaction

Work = Callable[[int], None]
AMOUNT_MINOR, CURRENCY = 1, "CNY"


def transfers(order: dict[str, Any]) -> Work:
    """The ledger's primitive in a transaction of its own, under a key that nobody has used."""
    from payments.ledger import services as ledger
    from superapp.core.ids import new_id

    pairs = order["pairs"]

    def transfer(number: int) -> None:
        debit, credit = pairs[number % len(pairs)]
        with transaction.atomic():
            ledger.transfer(
                debit_account_id=debit,
                credit_account_id=credit,
                amount_minor=AMOUNT_MINOR,
                currency=CURRENCY,
                purpose="payments.transfer",
                reference=str(new_id()),
                step="send",
            )

    return transfer


def whole_transfers(order: dict[str, Any]) -> Work:
    """What a request does, without the request: pairs are people here."""
    from payments import services

    pairs = order["pairs"]

    def create_transfer(number: int) -> None:
        payer_id, payee_id = pairs[number % len(pairs)]
        services.create_transfer(
            payer_id=payer_id,
            payee_id=payee_id,
            amount_minor=AMOUNT_MINOR,
            currency=CURRENCY,
            note="",
            idempotency_key=uuid4(),
        )

    return create_transfer


WORKS: dict[str, Callable[[dict[str, Any]], Work]] = {"transfer": transfers, "create_transfer": whole_transfers}


def run(work: Work, order: dict[str, Any]) -> dict[str, Any]:
    from superapp.core.errors import DomainError

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
        except (DomainError, Error) as refusal:
            errors, error = errors + 1, error or repr(refusal)
    return {"done": done, "errors": errors, "error": error}


def main() -> None:
    django.setup()
    from django.db import connection

    connection.ensure_connection()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(run(WORKS[order["work"]](order), order)), flush=True)


if __name__ == "__main__":
    main()
