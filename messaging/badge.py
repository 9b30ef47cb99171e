"""The one number on the app's icon, and the entries that other apps have among somebody's conversations."""

from typing import Any

from django.db import connection

from messaging import registry

Json = dict[str, Any]


def badge(user_id: int) -> Json:
    """What is unread in all apps, and how it adds up: a statement for each app, whatever there is to count."""
    parts = {app.app: app.unread(user_id) for app in registry.inbox.apps()}
    return {"total": sum(parts.values()), "parts": parts}


def entries(user_id: int) -> list[Json]:
    """Of the apps that have something to show, in the order in which they were registered."""
    found = []
    for app in registry.inbox.apps():
        if app.preview is not None and (preview := app.preview(user_id)) is not None:
            found.append({"app": app.app, "unread": app.unread(user_id), "preview": preview})
    return found


def unread_messages(user_id: int) -> int:
    """In the conversations of the person's list that they did not mute; one that they marked unread counts as one."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE(sum(GREATEST(number.last - read_message_no, is_marked_unread::int)), 0)::bigint
            FROM messaging_membership AS mine
            JOIN messaging_conversation AS c ON c.id = mine.conversation_id
            CROSS JOIN LATERAL (SELECT COALESCE(mine.left_message_no, c.last_message_no)) AS number (last)
            WHERE mine.user_id = %s AND NOT mine.is_muted
                AND (mine.hidden_message_no IS NULL OR mine.hidden_message_no < number.last)
            """,
            [user_id],
        )
        return int(cursor.fetchone()[0])
