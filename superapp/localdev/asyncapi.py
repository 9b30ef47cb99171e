"""`make asyncapi`: what the rooms have registered for the socket, into docs/asyncapi.yaml; ``--check`` compares."""

import os
import sys

import django

from superapp.localdev import places
from superapp.localdev.checks import NO_SERVERS
from superapp.localdev.progress import note, say

FILE = places.CLONE / "docs" / "asyncapi.yaml"


def main(arguments: list[str]) -> int:
    os.environ |= NO_SERVERS
    django.setup()
    from superapp.realtime import asyncapi

    text = asyncapi.as_yaml()
    is_current = FILE.exists() and FILE.read_text(encoding="utf-8") == text
    if "--check" in arguments:
        if not is_current:
            say(f"{places.shown(FILE)} does not say what the rooms have registered.")
        return 0 if is_current else 1
    FILE.write_text(text, encoding="utf-8")
    note("written", places.shown(FILE))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
