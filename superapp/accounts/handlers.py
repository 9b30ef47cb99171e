"""What this room plugs into the rooms below it."""

from django.utils.translation import gettext_lazy as _

from superapp.accounts import selectors
from superapp.core import links
from superapp.media import registry as media


def register() -> None:
    media.register_viewers(selectors.is_signed_in)
    media.register_purpose(
        "avatar",
        kinds={"photo"},
        max_bytes=10 * 1024 * 1024,
        variants={"thumb": 96, "large": 640},
        # A face is shown to everybody who is signed in.
        may_view=lambda viewer_id, references: references,
    )
    links.register("person", selectors.person_behind_card, label=_("Somebody's card"))
