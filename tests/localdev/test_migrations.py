"""Migrations of a product that is running: none may hold up everybody, or break the release that is still there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from superapp.localdev import database, places
from superapp.localdev.stage import Addresses

SQUAWK = Path(sys.executable).with_name("squawk")
#: What squawk objects to and what is fine all the same, by migration and rule, with the reason.
REVIEWED = {
    "core.0005_renew_leases_beside_guards": {
        "disallowed-unique-constraint": "one row per shard of a loop: the index is there at once",
        "constraint-missing-not-valid": "likewise; a unique constraint cannot be added without looking",
    },
    "ledger.0006_ceilings_are_for_what_is_new": {
        "ban-drop-constraint": "replaced by a weaker one in the same transaction; the functions say the rest",
    },
    "media.0002_voice_video_files": {
        "adding-field-with-default": "statement_timestamp() is stable: one value is stored, nothing is rewritten",
        "ban-drop-not-null": "the release before reads width and height of photos only, which still have both",
        "ban-drop-constraint": "each is replaced by a wider one in the same transaction",
    },
    "messaging.0002_groups_and_changes": {
        "adding-field-with-default": "statement_timestamp() is stable: one value is stored, nothing is rewritten",
    },
}
CURE = (
    "Split it: add (nullable, NOT VALID, concurrently), fill, require (docs/operate.md, Upgrade). If it is harmless"
    " here, say why in REVIEWED of tests/localdev/test_migrations.py."
)


@pytest.fixture(scope="module")
def written(home: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """The SQL of each migration, as an empty database got it."""
    folder = tmp_path_factory.mktemp("sql")
    addresses = home.with_copy(f"{home.database.rpartition('__')[2]}_migrated")
    database.drop(addresses.database_owner_url, addresses.database)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "superapp.localdev.migration_sql", str(folder)],
            cwd=places.CLONE, env=os.environ | addresses.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield sorted(folder.glob("*.sql"))
    finally:
        database.drop(addresses.database_owner_url, addresses.database)


def test_no_migration_locks_out_those_who_are_at_work(written: list[Path]) -> None:
    found: dict[str, dict[str, str]] = {}
    for file in written:
        inside = ["--assume-in-transaction"] if file.read_text().startswith("-- atomic") else []
        command = [SQUAWK, "--config", places.CLONE / ".squawk.toml", "--reporter", "json", *inside, file]
        for line in json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout or "[]"):
            found.setdefault(file.stem, {})[line["rule_name"]] = f"line {line['line']}: {line['message']}"
    new = {
        f"{name}: {rule}: {said}"
        for name, rules in found.items()
        for rule, said in rules.items()
        if rule not in REVIEWED.get(name, {})
    }
    assert not new, "\n".join([*sorted(new), CURE])
    stale = {(name, rule) for name, rules in REVIEWED.items() for rule in rules if rule not in found.get(name, {})}
    assert not stale, "these exceptions are not needed any more"


def test_every_app_of_ours_is_read(written: list[Path]) -> None:
    folders = [
        path for room in ("superapp", "messaging", "payments") for path in (places.CLONE / room).rglob("migrations")
    ]
    files = [file for folder in folders for file in folder.glob("[0-9]*.py")]
    assert sorted(file.stem for file in files) == sorted(path.stem.partition(".")[2] for path in written)


def test_set_up_gives_up_on_a_lock_instead_of_queueing_everybody_behind_it(committed_db: Addresses) -> None:
    """A migration that waits for a table keeps everybody who comes after it waiting, too."""
    command = [sys.executable, "manage.py", "setup_database"]
    with database.connected(committed_db.database_owner_url) as owner, owner.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        cursor.execute("ROLLBACK")
    assert done.returncode == 1
    assert "lock timeout" in done.stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
