"""Runs ``manage.py …`` on the servers of `make run`: as it runs, or started for this one command.

With DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL set, those are used, as everywhere.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

from superapp.localdev import places, services, supervisor
from superapp.localdev.places import Busy, Claim
from superapp.localdev.progress import Problem, complain


def main(arguments: list[str]) -> int:
    try:
        if all(os.environ.get(name) for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY")):
            return _manage(arguments, {})
        try:
            claim = Claim(supervisor.INSTANCE)
        except Busy as busy:
            if busy.holder.get("phase") != "running":
                raise Problem(
                    "Another command is working with the data of this clone.", cure="Try again when it has ended."
                ) from None
            # Settings read where it runs from the file that it left.
            return _manage(arguments, {})
        with claim:
            claim.tell(pid=str(os.getpid()), phase=arguments[0])
            supervisor.end_leftovers()
            running = services.start(supervisor.INSTANCE)
            try:
                return _manage(arguments, running.environment())
            finally:
                running.stop()
    except Problem as problem:
        complain(problem)
        return 1


def _manage(arguments: list[str], environment: Mapping[str, str]) -> int:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=places.CLONE, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
