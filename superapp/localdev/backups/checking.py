"""Whether this code can live with a database: in a process of its own, whose environment names that database."""

import sys

import django
from django.core.management import call_command
from django.core.management.base import CommandError


def main() -> int:
    django.setup()
    try:
        # What the code has and the archive has not is added, as in an upgrade.
        call_command("setup_database", verbosity=0)
        call_command("check", databases=["default", "owner"])
        call_command("check_references")
        call_command("ledger", "check")
    except CommandError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
