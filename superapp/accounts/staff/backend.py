"""Who may sign in with a browser, and what their groups let them do."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from superapp.accounts import services
from superapp.accounts.errors import SignInFailed
from superapp.accounts.models import User
from superapp.core.requests import client_address


class StaffBackend(ModelBackend):
    """Permissions come from the table in ``settings/staff.py`` alone, never from rows that somebody may have added."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if request is None or not username or not password:
            return None
        try:
            return services.check_staff_password(
                handle=username, password=password, client_address=client_address(request.META)
            )
        except SignInFailed:
            return None

    def get_user_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set()

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_staff_permissions"):
            user_obj._staff_permissions = self._permissions(user_obj)
        found: set[str] = user_obj._staff_permissions
        return found

    def _permissions(self, user: User) -> set[str]:
        if not user.is_staff:
            return set()
        return permissions_of(settings.STAFF_ROLES if user.is_superuser else user.groups.values_list("name", flat=True))


def permissions_of(roles: Iterable[str]) -> set[str]:
    """The full names of what people with any of these roles may do."""
    held = set(roles)
    return {
        permission_name(model, action)
        for model, row in settings.STAFF_ACCESS.items()
        for action, allowed in row.items()
        if held.intersection(allowed)
    }


def permission_name(model: str, action: str) -> str:
    """``accounts.ban_user`` of ``accounts.user`` and ``ban``."""
    room, _, name = model.partition(".")
    return f"{room}.{action}_{name}"
