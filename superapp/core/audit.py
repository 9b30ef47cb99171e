"""The audit log: what people with power did, in rows that nobody can change, committed with what they did."""

import re
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import QuerySet

from superapp.core import requests
from superapp.core.ids import new_id
from superapp.core.models import AuditEntry

# A key that ends in one of these words holds what nobody may read here, however it got into the fields of a row.
SECRETS = frozenset(
    {"password", "passwords", "token", "tokens", "pin", "code", "codes", "secret", "secrets", "ticket", "cookie"}
    | {"authorization", "digest", "hash", "signature", "key"}
)
# These end alike and are worth knowing.
_HARMLESS = frozenset({"country_code", "currency_code", "language_code", "error_code", "dedupe_key", "ordering_key"})
_WORD = re.compile("[A-Z]?[a-z0-9]+|[A-Z]+")


def record(
    *,
    actor_id: int | None,
    action: str,
    subject: tuple[str, str],
    organisation_id: int | None = None,
    before: Any = None,
    after: Any = None,
    reason: str = "",
) -> None:
    """Note that ``actor_id`` (None: the system itself) did ``action`` (``room.thing_done``) to ``subject``.

    ``subject`` is a kind and an id, such as ``("user", str(user.id))``; ``before`` and ``after`` are what changed, as
    JSON: secrets in them are left out by the names of their keys. Belongs inside the transaction that does it, so that
    neither stands without the other; raises ``AssertionError`` anywhere else.
    """
    assert transaction.get_connection().in_atomic_block, (
        "audit.record() belongs inside the transaction that it tells of"
    )
    kind, identifier = subject
    AuditEntry(
        id=new_id(),
        actor_id=actor_id,
        action=action,
        subject_kind=kind,
        subject_id=identifier,
        organisation_id=organisation_id,
        before=without_secrets(before),
        after=without_secrets(after),
        reason=_storable(reason.strip()),
        # An id may come from a proxy in front of us, in whatever length.
        request_id=_storable(requests.current_id()[:64]),
        client_address=requests.current_address(),
    ).save(force_insert=True)


def entries_about(kind: str, identifier: str) -> QuerySet[AuditEntry]:
    """What was done to it, newest first."""
    return AuditEntry.objects.filter(subject_kind=kind, subject_id=identifier).order_by("-id")


def without_secrets(value: Any) -> Any:
    """A copy that JSON can hold, with ``[redacted]`` in place of what its key says is secret."""
    if isinstance(value, Mapping):
        return {
            str(key): "[redacted]" if is_secret(str(key)) and inner is not None else without_secrets(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return _storable(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    # Times, dates, decimals and UUIDs as everywhere; anything else is a mistake of the caller's and rises.
    return DjangoJSONEncoder().default(value)


def is_secret(key: str) -> bool:
    """Whether a field of this name holds what nobody else may read."""
    words = [word.lower() for word in _WORD.findall(key)]
    return bool(words) and words[-1] in SECRETS and "_".join(words) not in _HARMLESS


def _storable(text: str) -> str:
    """Without what Postgres refuses in text and JSON: NUL and half surrogate pairs."""
    return text.encode(errors="replace").decode().replace("\0", "")
