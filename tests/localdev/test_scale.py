"""docs/scale.md knows every table, and no table has keys that would keep it from where it is to go."""

import re
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db import models

from superapp.localdev import places

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (?:`(\w+)`)? ?\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
DISTRIBUTED = {"user", "conversation", "directory"}
#: Models that other packages bring along; ours all are in apps whose code is here.
MODELS = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True) if model._meta.managed}


@dataclass(frozen=True)
class Entry:
    table: str
    group: str
    column: str


ENTRIES = {
    table: Entry(table, group, column)
    for table, group, column, _growth, _kept in ROW.findall((places.CLONE / "docs" / "scale.md").read_text())
}


def distributed() -> list[Entry]:
    return [entry for entry in ENTRIES.values() if entry.group in DISTRIBUTED and entry.table in MODELS]


def test_every_model_has_an_entry() -> None:
    missing = sorted(MODELS.keys() - ENTRIES.keys() - {name for name in MODELS if name.startswith("test")})
    assert not missing, (
        f"docs/scale.md does not say where these tables go, how they grow and how they are cut: {missing}"
    )


def test_every_entry_names_a_group() -> None:
    known = DISTRIBUTED | {"reference", "local"}
    assert [entry for entry in ENTRIES.values() if entry.group not in known] == []
    assert [entry for entry in ENTRIES.values() if bool(entry.column) != (entry.group in DISTRIBUTED)] == []


@pytest.mark.parametrize("entry", distributed(), ids=lambda entry: entry.table)
def test_distribution_column_is_in_every_key(entry: Entry) -> None:
    """Or Citus refuses to distribute the table: it could not tell whether a value is unique elsewhere."""
    meta = MODELS[entry.table]._meta
    names = {field.attname: field.column for field in meta.local_concrete_fields}
    names |= {field.name: field.column for field in meta.local_concrete_fields}
    keys = [[field.column for field in meta.pk_fields]]
    keys += [[field.column] for field in meta.local_concrete_fields if field.unique and not field.primary_key]
    keys += [[names[name] for name in fields] for fields in meta.unique_together]
    keys += [
        [names[name] for name in constraint.fields]
        for constraint in meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
    ]
    assert [key for key in keys if entry.column not in key] == []


@pytest.mark.parametrize("entry", distributed(), ids=lambda entry: entry.table)
def test_foreign_keys_stay_inside_their_group(entry: Entry) -> None:
    for field in MODELS[entry.table]._meta.local_concrete_fields:
        if isinstance(field, models.ForeignKey) and field.db_constraint:
            target = ENTRIES[field.related_model._meta.db_table]
            assert target.group in {entry.group, "reference"}, f"{field} leaves its group: db_constraint=False"
            assert field.column == entry.column or target.group == "reference", (
                f"{field} is not what rows lie together by"
            )
