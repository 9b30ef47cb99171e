#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    if sys.argv[1:2] == ["up"]:
        # It makes the databases and secrets that the settings ask for, so it has to come before them.
        from superapp.localdev.supervisor import main

        sys.exit(main(sys.argv[2:]))
    if sys.argv[1:2] == ["bench"]:
        # Likewise: it measures on servers and a database of its own.
        from superapp.bench.main import main as bench

        sys.exit(bench(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "superapp.settings.local")
    execute_from_command_line(sys.argv)
