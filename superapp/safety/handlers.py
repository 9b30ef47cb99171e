"""What this room plugs into those below it, and what of theirs can be reported."""

from django.utils.translation import gettext_lazy as _

from superapp.accounts import registry as accounts_registry
from superapp.accounts import services as accounts
from superapp.safety import registry, services
from superapp.safety.registry import Action


def register() -> None:
    registry.subjects.register("user", label=_("Person"), actions={"ban": Action(_("Ban the person"), ban)})
    accounts_registry.privacy.register(
        "safety",
        export=services.copy_of_person,
        erase=services.erase_person,
        covers={"safety.Report": {"reporter_id"}},
    )


def ban(user_id: str) -> None:
    accounts.ban_user(user_id=int(user_id))
