"""``python -m superapp.localdev.licences`` writes docs/licences.md: what the product runs on, and under which terms."""

import importlib.metadata
import re
from collections.abc import Iterator

from superapp.localdev import places

PAGE = places.CLONE / "docs" / "licences.md"
#: Packages that are installed on other systems only, or whose metadata is silent.
KNOWN = {
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
}
HEAD = """\
# Licences

What runs in production, from `requirements.txt`, with the licence that each package declares. Made by
`.venv/bin/python -m superapp.localdev.licences` after `make requirements`; a test compares the names.

Each package is installed as it is, by its own name, and none is changed: that is all the LGPL and the MPL ask
here beside their notices. The wheel of `av` carries FFmpeg, which says LGPL-3 of itself and comes with the
encoders x264 and x265, which are under the GPL-2; they run in a process of their own that takes films apart.
Whoever hands out a build with that wheel in it has to look at this first. PostgreSQL (PostgreSQL licence) and
Valkey (BSD-3-Clause) come as wheels for local runs and tests. Tools that check the code (`requirements-
dev.txt`) are not part of what runs.

| package | licence |
| --- | --- |
"""


def main() -> None:
    lines = [f"| {name} | {licence(name)} |" for name in packages()]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n")


def packages() -> list[str]:
    """The names in requirements.txt."""
    text = (places.CLONE / "requirements.txt").read_text()
    return sorted({found.lower() for found in re.findall(r"^([A-Za-z0-9][\w.-]*)==", text, re.MULTILINE)})


def licence(name: str) -> str:
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return KNOWN[name]
    if "License-Expression" in about:
        return about["License-Expression"]
    if declared := list(_classifiers(about)):
        return ", ".join(declared)
    text = about["License"].strip().splitlines() if "License" in about else []
    return text[0] if text else KNOWN[name]


def _classifiers(about: importlib.metadata.PackageMetadata) -> Iterator[str]:
    for classifier in about.get_all("Classifier") or []:
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved":
            yield classifier.rpartition(" :: ")[2]


if __name__ == "__main__":
    main()
