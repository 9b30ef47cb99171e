"""Whether this code can live with a database: in a process of its own, whose environment names that database."""

import sys

import django
from django.core.management import call_command
from django.core.management.base import CommandError


def main() -> int:
    django.setup()
    from payments.ledger import check

    try:
        # What the code has and the archive has not is added, as in an upgrade.
        call_command("setup_database", verbosity=0)
        call_command("check", databases=["default", "owner"])
        call_command("check_references")
    except CommandError as error:
        print(error)
        return 1
    # Not the command: that keeps what it found, and what is restored is to be as it was.
    if problems := list(check.check(using="owner").problems()):
        print("The ledger is not sound.", *problems, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
