"""People by name on pages about money."""

from typing import Any

from django.http import HttpRequest

from superapp.accounts import selectors as accounts
from superapp.core.admin import ReadOnlyAdmin
from superapp.core.admin.shown import NOTHING, link


class NamesPeople(ReadOnlyAdmin):
    """``people_fields``: columns with ids of people. One statement finds the names of all in a list."""

    people_fields: tuple[str, ...] = ()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        people = accounts.users(self._ids(rows))
        for row in rows:
            row.people = people
        changelist.result_list = rows
        return changelist

    def person(self, row: Any, name: str) -> Any:
        """A link, by name; the bare number where nobody is behind it any more."""
        user_id = getattr(row, name)
        if user_id is None:
            return NOTHING
        if not hasattr(row, "people"):
            row.people = accounts.users(self._ids([row]))
        user = row.people.get(user_id)
        return link("accounts.user", user_id, user.shown_name if user else user_id)

    def _ids(self, rows: list[Any]) -> set[int]:
        return {found for row in rows for name in self.people_fields if (found := getattr(row, name)) is not None}


def staff_id(request: HttpRequest) -> int:
    assert request.user.pk is not None
    return request.user.pk


def find_person(text: str) -> Any | None:
    """By an id, a phone number with its + or a handle, each in full. None: nobody, or it is not clear who."""
    text = text.strip()
    found = [int(text)] if text.isdecimal() and len(text) < 19 else accounts.user_ids_named(text)
    people = [user for user in accounts.users(found).values() if user.erased_at is None]
    return people[0] if len(people) == 1 else None
