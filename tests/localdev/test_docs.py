"""Commands that the documents print can be typed: the goals, commands and files they name exist."""

import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands

from superapp.localdev import bootstrap, places

PAGES = sorted([*places.CLONE.glob("*.md"), *(places.CLONE / "docs").glob("*.md")])
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_documents_exist(page: Path) -> None:
    text = page.read_text()
    for block in BLOCK.findall(text):
        read = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert read.returncode == 0, f"{read.stderr}\n{block}"
    # In sentences as well.
    named = set(re.findall(r"(?:`|^|&& |=pgbouncer )make ([a-z]+)", text, re.MULTILINE))
    assert named <= bootstrap.GOALS.keys() | {"help"}
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= get_commands().keys()
    for path in re.findall(r"`((?:tests|superapp|docs|messaging)/[\w/.-]+\.\w+)`", text):
        assert (places.CLONE / path).exists() or page.name == "first-change.md", path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target
