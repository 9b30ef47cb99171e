"""A backup of a product in use, put into servers that have never seen it: what left has arrived, or nothing has."""

import http.client
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from payments import services as payments
from superapp.accounts import services as accounts
from superapp.localdev import backups, database, services
from superapp.localdev.backups import archive, contents, tools
from superapp.localdev.progress import Problem
from superapp.localdev.pytest_plugin import claim_first_free
from superapp.localdev.services import Services
from superapp.localdev.stage import Addresses
from superapp.media import services as media
from tests.media.images import jpeg
from tests.payments import packets
from tests.payments.money import fund
from tests.payments.security import approve, set_pin
from tests.processes import Gateway
from tests.realtime.people import Device, befriend, person, say
from tests.sizes import sizes

ROLE = "superapp_app"
LEDGER = """
    CREATE TABLE public.book (amount int);
    REVOKE ALL ON public.book FROM superapp_app;
    GRANT SELECT ON public.book TO superapp_app;
    CREATE FUNCTION public.book_it(amount int) RETURNS void LANGUAGE sql SECURITY DEFINER
        SET search_path = public, pg_temp AS 'INSERT INTO book VALUES (amount)';
    REVOKE ALL ON FUNCTION public.book_it(int) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION public.book_it(int) TO superapp_app;
    INSERT INTO public.book VALUES (1);
    CREATE TABLE public.drawer ();
    REVOKE ALL ON public.drawer FROM superapp_app;
"""


WRITES_PAST_THE_LEDGER = (
    "UPDATE ledger_account SET balance_minor = balance_minor + 1",
    "INSERT INTO ledger_entry (id, purpose, reference, step) VALUES (1, 'a', 'b', 'c')",
    "DELETE FROM ledger_hold",
    "SELECT ledger_write(1, ARRAY[1], ARRAY[1], false, 1, 1)",
)


@pytest.fixture(scope="module")
def talked(committed_db: Addresses) -> tuple[Device, int]:
    """Pairs who wrote and gave money to each other, one with a photo, beside a table like the ledger's; returns one and
    their chat."""
    with database.connected(committed_db.database_owner_url) as connection, connection.cursor() as cursor:
        cursor.execute(LEDGER)
    for _ in range(sizes.backed_up_pairs):
        one, other = person("Ada"), person("Bo")
        conversation_id = befriend(one, other, greeting="It is me")
        give_money(one, other, conversation_id)
        say(one, conversation_id, "Tea at four? 四点喝茶？")
    photo = SimpleUploadedFile("me.jpg", jpeg(300, 200))
    asset = media.store(owner_id=one.user_id, file=photo, purpose="avatar", client_id=uuid4())
    accounts.change_profile(actor_id=one.user_id, avatar_id=asset.id)
    return one, conversation_id


def give_money(one: Device, other: Device, conversation_id: int) -> None:
    """Two transfers and a red packet, none of them taken yet."""
    set_pin(one.user_id)
    fund(one.user_id, 1_000)
    for amount in (250, 50):
        payments.create_transfer(
            payer_id=one.user_id,
            payee_id=other.user_id,
            amount_minor=amount,
            currency="CNY",
            idempotency_key=uuid4(),
            approval=approve(one.user_id, "payments.transfer", f"user:{other.user_id}", amount),
        )
    packets.spend(one, conversation_id, 100, kind="one_to_one", parts=1)


@pytest.fixture(scope="module")
def backup(talked: tuple[Device, int], committed_db: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(committed_db, tmp_path_factory.mktemp("backup") / "one.tar")


def made(addresses: Addresses, file: Path) -> Path:
    return backups.make_backup(
        owner_url=addresses.database_owner_url,
        app_role=ROLE,
        media_root=Path(default_storage.location),
        media_storage="",
        file=file,
    )


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Services]:
    """Servers without any database or role of ours but the owner."""
    with claim_first_free("test-restore") as claim:
        shutil.rmtree(services.places.LOCAL / claim.instance / "postgres", ignore_errors=True)
        running = services.start(claim.instance, environment={}, quiet=True)
        try:
            yield running
        finally:
            running.stop()


def restored(backup: Path, to: Addresses, media_root: Path, **options: bool) -> None:
    backups.restore_backup(
        file=backup, app_url=to.database_url, owner_url=to.database_owner_url, media_root=media_root, **options
    )


@pytest.fixture
def target(elsewhere: Services) -> Iterator[Addresses]:
    """The name of a database that is not there yet."""
    addresses = Addresses.of(elsewhere).with_database(f"target_{uuid4().hex[:8]}")
    yield addresses
    database.drop(addresses.database_owner_url, addresses.database)


def get(origin: Gateway, path: str, who: Device) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=10)
    connection.request("GET", path, headers=who.header)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    assert answer.status == 200, body
    return body


def post(origin: Gateway, path: str, who: Device) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=10)
    headers = who.header | {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    connection.request("POST", path, headers=headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    assert answer.status == 200, body
    return body


def get_file(origin: Gateway, address: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=10)
    connection.request("GET", address[address.index("/media/") :])
    return connection.getresponse().read()


# --- Into servers that are empty --------------------------------------------------------------------------------------


def test_product_goes_on_where_the_backup_was_made(
    talked: tuple[Device, int], backup: Path, target: Addresses, tmp_path: Path
) -> None:
    one, conversation_id = talked
    restored(backup, target, tmp_path)
    with Gateway(target, settings={"MEDIA_ROOT": str(tmp_path)}) as gateway:
        history = get(gateway, f"/api/v1/conversations/{conversation_id}/messages/", one)["results"]
        assert history[-1]["body"] == {"text": "Tea at four? 四点喝茶？"}
        avatar_id = get(gateway, "/api/v1/me/", one)["avatar_id"]
        avatar = get(gateway, f"/api/v1/media/{avatar_id}/", one)["variants"]["original"]
        assert get_file(gateway, avatar["url"])[:2] == b"\xff\xd8"
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    with database.connected(target.database_owner_url) as connection:
        assert set(contents.named_files(connection)) <= files


def test_money_moves_on_and_only_through_the_ledger(
    talked: tuple[Device, int], backup: Path, target: Addresses, tmp_path: Path
) -> None:
    one, _conversation_id = talked
    restored(backup, target, tmp_path)
    with Gateway(target, settings={"MEDIA_ROOT": str(tmp_path)}) as gateway:
        first, _second = get(gateway, "/api/v1/transfers/?direction=outgoing", one)["results"]
        assert post(gateway, f"/api/v1/transfers/{first['id']}/cancel/", one)["state"] == "cancelled"
        (wallet, *_others) = get(gateway, "/api/v1/wallet/", one)["results"]
        assert wallet["balance"]["amount"] == 1_000 - 250 - 100
    with database.connected(target.database_url) as connection, connection.cursor() as cursor:
        for statement in WRITES_PAST_THE_LEDGER:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
    with database.connected(target.database_owner_url) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="only ever appended"):
            cursor.execute("DELETE FROM ledger_posting")
        with pytest.raises(psycopg2.errors.CheckViolation):
            cursor.execute("UPDATE payments_red_packet SET seed = ''")
    check = [sys.executable, "manage.py", "ledger", "check"]
    subprocess.run(check, env=services.os.environ | target.environment(), check=True)


def test_rights_are_those_of_the_source_and_limits_are_set_on_the_role(
    backup: Path, target: Addresses, tmp_path: Path
) -> None:
    """A set-up grants everything on new tables: had it run first, the ledger would be writable."""
    restored(backup, target, tmp_path)
    with database.connected(target.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5s",)
        cursor.execute("SELECT book_it(2)")
        cursor.execute("SELECT sum(amount) FROM book")
        assert cursor.fetchone() == (3,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("INSERT INTO book VALUES (3)")
    # Tables of later migrations are usable again.
    with database.connected(target.database_owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.later ()")
        assert contents.privileges(connection, ROLE)["later"] == "SELECT INSERT UPDATE DELETE"


def test_a_backup_of_what_was_restored_holds_the_same(backup: Path, target: Addresses, tmp_path: Path) -> None:
    restored(backup, target, tmp_path / "media")
    again = backups.make_backup(
        owner_url=target.database_owner_url, app_role=ROLE, media_root=tmp_path / "media", media_storage="",
        file=tmp_path / "again.tar",
    )  # fmt: skip
    with archive.opened(backup) as (_, first), archive.opened(again) as (_, second):
        same = ("rows", "migrations", "privileges", "media_files", "media_bytes", "media_missing")
        for name in same:
            assert getattr(first, name) == getattr(second, name)


# --- Refusals, after which everything is as it was --------------------------------------------------------------------


def test_database_with_people_is_replaced_only_when_told_to(
    backup: Path, target: Addresses, tmp_path: Path, committed_db: Addresses
) -> None:
    restored(backup, target, tmp_path)
    with database.connected(target.database_owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET display_name = 'Kept'")
        with pytest.raises(Problem, match=r"is not empty: .* people live in it"):
            restored(backup, target, tmp_path)
        cursor.execute("SELECT DISTINCT display_name FROM accounts_user")
        assert cursor.fetchall() == [("Kept",)]
        # Whoever is still connected, as this is, is cut off.
        restored(backup, target, tmp_path, replace=True)
    with database.connected(target.database_owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_user WHERE display_name = 'Kept'")
        assert cursor.fetchone() == (0,)
    assert database.names(target.database_owner_url, prefix=target.database) == [target.database]


def truncated(backup: Path, copy: Path) -> None:
    copy.write_bytes(backup.read_bytes()[:-20_000])


def damaged(backup: Path, copy: Path) -> None:
    content = bytearray(backup.read_bytes())
    middle = content.index(b"PGDMP") + 5_000
    content[middle : middle + 8] = b"\0" * 8
    copy.write_bytes(content)


def of_a_later_release(backup: Path, copy: Path) -> None:
    with tarfile.open(backup) as old, tarfile.open(copy, "w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name == archive.MANIFEST:
                manifest = json.loads(content)
                manifest["format"] = 2
                content = json.dumps(manifest).encode()
            archive.add_bytes(new, member.name, content)


def of_nothing(backup: Path, copy: Path) -> None:
    copy.write_text("I am no backup")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncated, "incomplete"),
        (damaged, "checksum differs"),
        (of_a_later_release, "has the format 2"),
        (of_nothing, "is not a backup"),
    ],
)
def test_file_that_is_no_whole_backup_is_refused(
    spoil: Callable[[Path, Path], None], said: str, backup: Path, target: Addresses, tmp_path: Path
) -> None:
    spoil(backup, tmp_path / "spoilt.tar")
    with pytest.raises(Problem, match=said):
        restored(tmp_path / "spoilt.tar", target, tmp_path / "media")
    assert database.names(target.database_owner_url, prefix=target.database) == []


def test_what_arrives_otherwise_than_it_left_is_not_put_in_place(
    talked: tuple[Device, int], backup: Path, target: Addresses, tmp_path: Path
) -> None:
    with tarfile.open(backup) as old, tarfile.open(tmp_path / "other.tar", "w") as new:
        for member in old:
            file = old.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name == archive.MANIFEST:
                manifest = json.loads(content)
                manifest["rows"]["messaging_message"] += 1
                content = json.dumps(manifest).encode()
            archive.add_bytes(new, member.name, content)
    with pytest.raises(Problem, match=r"The rows that arrived .* messaging_message"):
        restored(tmp_path / "other.tar", target, tmp_path / "media")
    assert database.names(target.database_owner_url, prefix=target.database) == []


def test_another_name_of_the_role_is_refused_before_anything_is_made(
    backup: Path, target: Addresses, tmp_path: Path
) -> None:
    other = target.database_url.replace("superapp_app", "somebody", 1)
    with pytest.raises(Problem, match="grants rights to the role superapp_app"):
        backups.restore_backup(file=backup, app_url=other, owner_url=target.database_owner_url, media_root=tmp_path)
    assert database.names(target.database_owner_url, prefix=target.database) == []


def test_id_that_names_nobody_is_found(backup: Path, target: Addresses, tmp_path: Path) -> None:
    restored(backup, target, tmp_path)
    check = [sys.executable, "manage.py", "check_references"]

    def asked() -> "subprocess.CompletedProcess[str]":
        environment = services.os.environ | target.environment()
        return subprocess.run(check, env=environment, capture_output=True, text=True, check=False)

    assert asked().returncode == 0
    with database.connected(target.database_owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_block SET blocked_id = 1")
        cursor.execute("UPDATE messaging_message SET sender_id = 1 WHERE seq = 1")
    answer = asked()
    assert answer.returncode == 1
    assert f"{sizes.backed_up_pairs} × messaging_message.sender_id → accounts_user" in answer.stderr


# --- Making one -------------------------------------------------------------------------------------------------------


def test_failed_backup_leaves_no_file(talked: tuple[Device, int], committed_db: Addresses, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="pg_dump failed"):
        # The application's role may not read everything.
        backups.make_backup(
            owner_url=committed_db.database_url,
            app_role=ROLE,
            media_root=None,
            media_storage="",
            file=tmp_path / "x.tar",
        )
    assert list(tmp_path.iterdir()) == []


def test_backup_is_for_its_owner_only_and_never_written_over(backup: Path, committed_db: Addresses) -> None:
    assert oct(backup.stat().st_mode)[-3:] == "600"
    before = backup.read_bytes()
    with pytest.raises(Problem, match="exists already"):
        made(committed_db, backup)
    assert backup.read_bytes() == before


def test_media_that_are_elsewhere_are_said_to_be_missing(
    talked: tuple[Device, int], committed_db: Addresses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = backups.make_backup(
        owner_url=committed_db.database_owner_url, app_role=ROLE, media_root=None, media_storage="the bucket photos",
        file=tmp_path / "x.tar",
    )  # fmt: skip
    assert "are in the bucket photos and not in this file" in capsys.readouterr().out
    with archive.opened(file) as (tar, manifest):
        assert manifest.media_files is None
        assert tar.getnames() == [archive.DUMP, archive.MANIFEST]


def test_password_of_the_database_is_on_no_command_line() -> None:
    where, environment = tools.connection_options("postgresql://ada:secret@db.example/superapp?sslmode=require")
    assert "secret" not in where
    assert environment["PGPASSWORD"] == "secret"
    assert "sslmode=require" in where
