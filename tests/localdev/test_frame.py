"""The test frame itself: what other tests rely on without noticing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import InternalError, ProgrammingError, connection, transaction

from superapp.localdev import places, stage


class TestRollback:
    pytestmark = pytest.mark.django_db

    def test_what_waits_for_the_commit_runs_when_the_outermost_block_ends(self) -> None:
        seen = []
        with transaction.atomic():
            with transaction.atomic():
                transaction.on_commit(lambda: seen.append("inner"))
            assert seen == []
        assert seen == ["inner"]
        transaction.on_commit(lambda: seen.append("at once"))
        assert seen == ["inner", "at once"]

    def test_what_was_rolled_back_announces_nothing(self) -> None:
        seen = []

        def fail() -> None:
            with transaction.atomic():
                transaction.on_commit(lambda: seen.append("never"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with transaction.atomic():
            pass
        assert seen == []

    def test_callback_of_a_callback_runs_too(self) -> None:
        seen = []

        def first() -> None:
            with transaction.atomic():
                transaction.on_commit(lambda: seen.append("second"))
            seen.append("first")

        with transaction.atomic():
            transaction.on_commit(first)
        assert seen == ["second", "first"]

    def test_application_role_owns_nothing(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, pg_has_role(current_user, 'superapp_owner', 'MEMBER')")
            assert cursor.fetchone() == ("superapp_app", False)
            for statement in ("CREATE TABLE public.mine ()", "TRUNCATE core_lease", "DROP TABLE core_lease"):
                with pytest.raises((ProgrammingError, InternalError)), transaction.atomic():
                    cursor.execute(statement)


class TestRedis:
    @pytest.mark.parametrize("run", [1, 2])
    def test_each_test_finds_it_empty(self, run: int) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL)
        assert [key for key in client.scan_iter() if key != stage.REDIS_MARK.encode()] == []
        client.set("left behind", run)


class TestNaming:
    def test_long_names_of_modules_still_name_a_database(self) -> None:
        addresses = stage.Addresses.of_environment().with_copy("gw0_" + "x" * 100)
        assert len(addresses.database) == 63
        assert stage.database.name_in(addresses.database_owner_url) == addresses.database

    def test_environment_and_settings_agree(self) -> None:
        assert os.environ["REDIS_URL"] == settings.REDIS_URL
        assert settings.DATABASES["default"]["NAME"] == stage.Addresses.of_environment().database


class TestLeftOut:
    def test_last_lines_say_once_what_was_not_tested_and_why(self, tmp_path: Path) -> None:
        # The summary alone, without the servers that the whole plugin would start.
        (tmp_path / "conftest.py").write_text("from superapp.localdev.pytest_plugin import pytest_terminal_summary\n")
        (tmp_path / "test_some.py").write_text(
            "import pytest\n"
            "from superapp.localdev.pytest_plugin import left_out\n"
            "@pytest.fixture\n"
            "def flying(): left_out('everything that flies', 'there is no runway')\n"
            "@pytest.mark.parametrize('n', range(3))\n"
            "def test_flight(flying, n): pass\n"
            "def test_landing(flying): pass\n"
            "def test_other(): pytest.skip('another reason')\n"
        )
        command = [sys.executable, "-m", "pytest", "-n", "1", "-ra", "-p", "no:django", "--rootdir", str(tmp_path)]
        command += ["-c", "/dev/null", str(tmp_path / "test_some.py")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        said = subprocess.run(
            command, cwd=places.CLONE, env=environment, capture_output=True, text=True, check=False
        ).stdout.splitlines()
        assert "left out on this machine" in said[-3]
        assert said[-2] == "everything that flies (there is no runway)"
        assert "5 skipped" in said[-1]
