"""What this room plugs into the rooms below it."""

from django.utils.translation import gettext_lazy as _

from superapp.accounts import registry, selectors, services
from superapp.accounts.events import PhoneChanged
from superapp.core import links
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
