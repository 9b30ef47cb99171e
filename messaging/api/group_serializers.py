"""Shapes of what is done with groups."""

from superapp.core.api.fields import Boolean, Id, Input, Line, Text, Time

MAX_NOTICE = 2000


class GroupChangeInput(Input):
    """Any of these; what is left out stays."""

    title = Line(required=False, max_length=60)
    is_silenced = Boolean(required=False, help_text="Only the owner and administrators speak.")
    members_may_add = Boolean(required=False)
    members_may_mention_all = Boolean(required=False)
    joins_need_approval = Boolean(required=False)
    newcomers_see_history = Boolean(required=False)


class NoticeInput(Input):
    notice = Text(allow_blank=True, max_length=MAX_NOTICE, help_text="Empty: none any more.")


class AliasInput(Input):
    alias = Line(allow_blank=True, max_length=40, help_text="Empty: by my name.")


class OwnerInput(Input):
    user_id = Id()


class SilenceInput(Input):
    until = Time(help_text="By the server's clock.")
