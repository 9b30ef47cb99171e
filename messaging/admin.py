from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from messaging.models import Conversation
from superapp.core.admin import ReadOnlyAdmin


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """That a conversation is there, and how large; what people say in it is theirs, and so is what they call it."""

    list_display = ("id", "kind", "member_count", "last_message_no", "created_at")
    search_fields = ("pk",)
    search_help_text = _("The id of a conversation.")
    hidden_fields = frozenset({"title"})
    is_sensitive = True
