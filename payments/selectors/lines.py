"""What products say of the lines that they caused."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from django.db import DatabaseError

from payments.ledger.models import Entry, Posting
from payments.registry import ReceiptLine, purposes
from superapp.core.api.fields import rfc3339
from superapp.core.money import Money

log = structlog.get_logger(__name__)
Json = dict[str, Any]
#: By purpose and reference.
Said = dict[tuple[str, str], ReceiptLine]


def said_of(entries: Iterable[Entry], *, viewer_id: int) -> Said:
    """One call for each purpose among them."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        wanted[entry.purpose].add(entry.reference)
    found: Said = {}
    for purpose, references in wanted.items():
        known = purposes.get(purpose)
        if known is not None and known.describe is not None:
            answers = _ask(known.describe, purpose, sorted(references), viewer_id)
            found |= {(purpose, reference): line for reference, line in answers.items()}
    return found


def _ask(describe: Any, purpose: str, references: Sequence[str], viewer_id: int) -> Mapping[str, ReceiptLine]:
    try:
        return dict(describe(references, viewer_id))
    except DatabaseError:
        raise
    except Exception:
        # A product that is broken must not keep people from what they have paid.
        log.exception("receipt.describe_failed", purpose=purpose)
        return {}


def line_frame(posting: Posting, said: Said) -> Json:
    """A line as REST shows it, in the language of this moment; ``posting`` with its entry."""
    entry = posting.entry
    line = said.get((entry.purpose, entry.reference)) or _plain(entry)
    return {
        "id": str(entry.id),
        "posted_at": rfc3339(posting.posted_at),
        "amount": Money(posting.amount_minor, posting.currency).as_json(),
        "balance_after": Money(posting.balance_after_minor or 0, posting.currency).as_json(),
        "kind": purposes.kind_of(entry.purpose, entry.step),
        "purpose": entry.purpose,
        "reference": entry.reference,
        "title": str(line.step_titles.get(entry.step, line.title)),
        "counterparty": _counterparty(line),
        "note": line.note,
    }


def _plain(entry: Entry) -> ReceiptLine:
    known = purposes.get(entry.purpose)
    return ReceiptLine(title=str(known.label) if known else entry.purpose)


def _counterparty(line: ReceiptLine) -> Json | None:
    if line.counterparty is None:
        return None
    user_id = None if line.counterparty_id is None else str(line.counterparty_id)
    return {"user_id": user_id, "name": line.counterparty}
