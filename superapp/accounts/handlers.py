"""What this room plugs into the rooms below it."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from superapp.accounts import registry, selectors, services, tasks
from superapp.accounts.events import ExportRequested, PhoneChanged
from superapp.accounts.services import copies, erasure, exports, leaving
from superapp.core import links, loops, metrics
from superapp.core.events import at_least_once
from superapp.media import registry as media


@at_least_once(PhoneChanged)
def tell_old_number(event: PhoneChanged) -> None:
    if event.old_phone:
        services.tell_old_number(event)


def register() -> None:
    media.register_viewers(selectors.is_signed_in)
    media.register_purpose(
        "avatar",
        kinds={"photo"},
        max_bytes=10 * 1024 * 1024,
        variants={"thumb": 96, "large": 640},
        may_view=selectors.visible_avatars,
    )
    links.register("person", selectors.person_behind_card, label=_("Somebody's card"))
    links.register(
        "organisation_invitation", selectors.invitation_behind_link, label=_("An invitation to work together")
    )
    register_roles()
    register_privacy()
    loops.register("accounts.erasures", every=timedelta(seconds=10), step=services.erase_due)
    for purpose in (exports.PURPOSE, exports.PIECE):
        # Nobody uploads them, and nobody but their person is shown them.
        may_view = selectors.visible_archives if purpose == exports.PURPOSE else nobody
        media.register_purpose(purpose, kinds=set(), max_bytes=1, variants={}, may_view=may_view)
    metrics.register_overdue(
        "accounts.exports", lambda: len(selectors.exports_left_behind(limit=1000, overdue=metrics.OVERDUE * 3))
    )
    metrics.register_overdue(
        "accounts.erasures", lambda: len(selectors.erasures_due(limit=1000, overdue=timedelta(minutes=10)))
    )


def register_roles() -> None:
    """Those that every organisation of a kind has; rooms above may add more. Sending is a right apart from editing."""
    add = registry.roles.register
    add("brand", "editor", label=_("Editor"))
    add("brand", "sender", label=_("Sender"))
    add("brand", "analyst", label=_("Analyst"))
    add("brand", "agent", label=_("Agent"))
    add("brand", "developer", label=_("Developer"))
    add("merchant", "manager", label=_("Manager"), implies={"cashier"}, manages_staff=True)
    add("merchant", "cashier", label=_("Cashier"))
    add("merchant", "finance", label=_("Finance"))
    add("merchant", "developer", label=_("Developer"))
    add("studio", "developer", label=_("Developer"), implies={"analyst"})
    add("studio", "analyst", label=_("Analyst"))


def register_privacy() -> None:
    """For the room below as well, which knows nobody: it lies on the ground floor, so it is erased after all others but
    this one."""
    registry.privacy.register(
        "accounts",
        export=copies.copy_of_account,
        erase=erasure.erase_account,
        blockers=leaving.blockers_of_account,
        covers={
            "accounts.User": {"id"},
            "accounts.PhoneDirectory": {"user_id"},
            "accounts.HandleDirectory": {"user_id"},
            "accounts.Device": {"user_id"},
            "accounts.RefreshToken": {"user_id"},
            "accounts.KnownDevice": {"user_id"},
            "accounts.PhoneChange": {"user_id"},
            "accounts.DataExport": {"user_id"},
            "accounts.OrganisationMember": {"user_id"},
            "accounts.OrganisationInvitation": {"invitee_id"},
        },
    )
    registry.privacy.register(
        "media",
        export=copies.copy_of_uploads,
        erase=erasure.erase_uploads,
        covers={"media.Asset": {"owner_id"}},
    )


def nobody(viewer_id: int, references: set[str]) -> set[str]:
    return set()


@at_least_once(ExportRequested)
def queue_export(event: ExportRequested) -> None:
    # Raises when the broker is away, so that the outbox tries again.
    tasks.make_export.delay(event.export_id)
