"""docs/licences.md lists what runs, no more and no less."""

import re

from superapp.localdev import licences


def test_every_package_that_runs_is_listed_with_its_licence() -> None:
    rows = dict(re.findall(r"^\| ([a-z0-9][\w.-]*) \| ([^|]+) \|$", licences.PAGE.read_text(), re.MULTILINE))
    del rows["package"]
    assert sorted(rows) == licences.packages(), "`.venv/bin/python -m superapp.localdev.licences` writes it anew"
    assert "UNKNOWN" not in rows.values()


def test_nothing_that_runs_is_under_the_agpl_or_forbids_use() -> None:
    text = licences.PAGE.read_text().partition("| --- |")[2]
    assert not re.search(r"AGPL|Affero|Commons Clause|SSPL|BUSL", text)
