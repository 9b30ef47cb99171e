"""The admin shows; what it changes it changes by actions that ask why. ``ReadOnlyAdmin`` is the base in every room."""

from superapp.core.admin.actions import Change, ReasonForm, confirmation_page, list_action, write_action
from superapp.core.admin.exports import export_action
from superapp.core.admin.pages import AuditEntryAdmin, OutboxEventAdmin
from superapp.core.admin.read_only import ReadOnlyAdmin

__all__ = [
    "AuditEntryAdmin",
    "Change",
    "OutboxEventAdmin",
    "ReadOnlyAdmin",
    "ReasonForm",
    "confirmation_page",
    "export_action",
    "list_action",
    "write_action",
]
