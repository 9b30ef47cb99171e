"""Whether the books are right, looked at from outside of the functions that keep them.

A check goes on in steps: what concerns everything first, then stretches of accounts, entries and holds. Each question
is one statement and so sees one moment; the check as a whole needs no long transaction, which would keep Postgres from
clearing away old versions of balances, and it may pause and go on elsewhere. ``docs/ledger.md`` says what to do when it
finds something.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from payments.ledger import functions, models
from payments.ledger.registry import checks
from payments.ledger.rules import RULES, TOTALS, WALKS
from superapp.core.ids import first_id_of

TABLES = ("ledger_account", "ledger_entry", "ledger_posting", "ledger_hold", "ledger_hold_step")
#: Functions that the application's role calls; all others are for these.
PRIMITIVES = frozenset({
    "ledger_open_account", "ledger_set_status", "ledger_seq_at", "ledger_fold", "ledger_transfer", "ledger_post",
    "ledger_reverse", "ledger_hold", "ledger_raise_hold", "ledger_capture", "ledger_release",
})  # fmt: skip
#: Problems of one rule that are kept; the others are counted.
KEPT = 20
#: Rows of one step: a second or less of work.
ROWS = 10_000
#: Holds that are younger than this when a check looks at what is new: they change until they end.
HOLDS_LAST = timedelta(days=31)
_BEGINNING, _END = -(2**63), 2**63 - 1
_TRIGGER = re.compile(r"CREATE TRIGGER (\w+)")


@dataclass
class Finding:
    """What one rule came to."""

    looked_at: int = 0
    #: Sentences, the first ``KEPT``.
    problems: list[str] = field(default_factory=list)
    count: int = 0


@dataclass
class Progress:
    """How far a check has come, and what it has found. ``since``: of entries and holds only what came after."""

    since: datetime | None = None
    began_at: datetime = field(default_factory=timezone.now)
    #: Next: everything, a walk by its name, or nothing any more. ``after``: its last id.
    at: str = "everything"
    after: int = _BEGINNING
    findings: dict[str, Finding] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.at == "end"

    @property
    def problem_count(self) -> int:
        return sum(finding.count for finding in self.findings.values())

    def problems(self) -> Iterator[str]:
        for rule, finding in self.findings.items():
            yield from (f"{rule}: {problem}" for problem in finding.problems)

    def looked_at(self, rule: str, count: int) -> None:
        self.findings.setdefault(rule, Finding()).looked_at += count

    def found(self, rule: str, problem: str) -> None:
        finding = self.findings.setdefault(rule, Finding())
        finding.count += 1
        if len(finding.problems) < KEPT:
            finding.problems.append(problem)


def check(*, using: str = "default", since: datetime | None = None) -> Progress:
    """All of it at once. Reads whole tables, unless ``since`` leaves out what was looked at before."""
    progress = Progress(since=since)
    while not progress.is_done:
        step(progress, using=using)
    return progress


def step(progress: Progress, *, using: str = "default", rows: int = ROWS) -> None:
    """Look at the next stretch."""
    if progress.at == "everything":
        _everything(progress, using)
        _go_to(progress, next(iter(WALKS)))
    else:
        _walk(progress, using, rows)


# --- What concerns everything -----------------------------------------------------------------------------------------


def _everything(progress: Progress, using: str) -> None:
    _ask(progress, using, ("totals",), TOTALS)
    for rule, (looked_at, problems) in (
        ("functions", _functions(using)),
        ("privileges", _privileges(using)),
        ("guards", _guards(using)),
    ):
        progress.looked_at(rule, looked_at)
        for problem in problems:
            progress.found(rule, problem)
    for rule, problems_of in checks.rules.items():
        with _one_moment():
            problems = problems_of()
        progress.looked_at(rule, 1)
        for problem in problems:
            progress.found(rule, problem)


def _functions(using: str) -> tuple[int, list[str]]:
    names = functions.differing(using=using)
    return len(functions.expected()), [f"{name} is not the function of this release" for name in names]


def _privileges(using: str) -> tuple[int, list[str]]:
    """Of every role but superusers and those who are the owner anyway. The application must be neither."""
    application = str(connections["default"].settings_dict["USER"])
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            WITH role AS (
                SELECT oid, rolname FROM pg_roles
                WHERE rolname = %(application)s OR NOT rolsuper AND NOT starts_with(rolname, 'pg_') AND NOT pg_has_role(
                    oid, (SELECT relowner FROM pg_class WHERE oid = 'ledger_entry'::regclass), 'MEMBER')
            )
            SELECT format('%%s may %%s %%s', rolname, lower(privilege), name)
            FROM role, unnest(%(tables)s) AS name, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
            WHERE has_table_privilege(role.oid, name, privilege)
                OR privilege IN ('INSERT', 'UPDATE') AND has_any_column_privilege(role.oid, name, privilege)
            UNION ALL
            SELECT format('%%s may call %%s', rolname, proname)
            FROM role, pg_proc
            WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'ledger_')
                AND proname <> ALL (%(primitives)s) AND has_function_privilege(role.oid, pg_proc.oid, 'EXECUTE')
            """,
            {"application": application, "tables": list(TABLES), "primitives": sorted(PRIMITIVES)},
        )
        return len(TABLES), [sentence for (sentence,) in cursor.fetchall()]


def _guards(using: str) -> tuple[int, list[str]]:
    wanted = {name for path in functions.SQL.glob("*.sql") for name in _TRIGGER.findall(path.read_text())}
    for model in (models.Account, models.Entry, models.Posting, models.Hold, models.HoldStep):
        wanted |= {constraint.name for constraint in model._meta.constraints}
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT tgname FROM pg_trigger
            WHERE tgrelid = ANY (%(tables)s::regclass[]) AND NOT tgisinternal AND tgenabled IN ('O', 'A')
            UNION ALL
            SELECT conname FROM pg_constraint WHERE conrelid = ANY (%(tables)s::regclass[]) AND convalidated
            UNION ALL
            SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
            WHERE indrelid = ANY (%(tables)s::regclass[]) AND indisunique AND indisvalid
            """,
            {"tables": list(TABLES)},
        )
        working = {name for (name,) in cursor.fetchall()}
    return len(wanted), [f"{name} is missing or switched off" for name in sorted(wanted - working)]


# --- Walks ------------------------------------------------------------------------------------------------------------


def _walk(progress: Progress, using: str, rows: int) -> None:
    table, statement, rules = WALKS[progress.at]
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT max(id), count(*) FROM (SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s) AS next",  # noqa: S608
            [progress.after, rows],
        )
        last, count = cursor.fetchone()
    # Parts of entries that are not there may be anywhere, so the last stretch has no end.
    last = last if count == rows else _END
    _ask(progress, using, rules, statement, {"after": progress.after, "last": last})
    if last == _END:
        names = [*WALKS, "end"]
        _go_to(progress, names[names.index(progress.at) + 1])
    else:
        progress.after = last


def _go_to(progress: Progress, at: str) -> None:
    progress.at, progress.after = at, _BEGINNING
    if progress.since and at == "entries":
        progress.after = first_id_of(progress.since) - 1
    elif progress.since and at == "holds":
        progress.after = first_id_of(progress.since - HOLDS_LAST) - 1


def _ask(
    progress: Progress, using: str, rules: tuple[str, ...], statement: str, parameters: Mapping[str, Any] | None = None
) -> None:
    with _patient(using) as cursor:
        # The doubled percent signs of format() are for parameters, so there have to be some.
        cursor.execute(statement, parameters or {})
        looked_at, found = cursor.fetchone()
    for rule in rules:
        progress.looked_at(rule, looked_at)
    for rule, problem in found or []:
        progress.found(rule, problem)


@contextmanager
def _patient(using: str) -> Iterator[CursorWrapper]:
    """The application's role gives up after five seconds, which does for a stretch and not for a large table."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if using == "default":
            cursor.execute("SET LOCAL statement_timeout = '45s'")
        yield cursor


@contextmanager
def _one_moment() -> Iterator[None]:
    """What other rooms ask sees one moment as well, however many statements it takes. A test's transaction is one."""
    if connections["default"].in_atomic_block:
        yield
        return
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def say(rule: str) -> str:
    """A rule in words; one that no app registers any more has only its name."""
    return RULES.get(rule) or checks.says.get(rule, rule)
