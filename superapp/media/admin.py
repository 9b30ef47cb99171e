from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from superapp.core.admin import ReadOnlyAdmin
from superapp.media.models import Asset


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """What was uploaded, how large it is and what it hangs on; not what is to be seen in it."""

    list_display = ("id", "purpose", "kind", "state", "size_bytes", "owner_id", "created_at")
    search_fields = ("pk", "owner_id")
    search_help_text = _("The id of an upload or of the person who made it.")
    hidden_fields = frozenset({"client_id"})
