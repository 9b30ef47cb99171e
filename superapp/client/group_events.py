"""What happens to groups, in words. Pure: the row's kind and body in, a line out."""

from collections.abc import Callable, Iterable

from superapp.client.shapes import Json, Message

#: Kinds of rows that are about the group itself and not something that was said in it.
GROUP_EVENTS = frozenset(
    {
        "group_created",
        "members_added",
        "member_joined",
        "member_removed",
        "member_left",
        "member_silenced",
        "alias_changed",
        "admin_appointed",
        "admin_dismissed",
        "owner_changed",
        "title_changed",
        "notice_changed",
        "notice_removed",
        "settings_changed",
        "group_disbanded",
    }
)
#: Of many people that many are named.
NAMED = 5


def people_in(message: Message) -> list[str]:
    """The ids of the people whom a line about this row names, beside who did it."""
    body = message["body"]
    if message["kind"] not in GROUP_EVENTS - {"group_created"}:
        return []
    ids = [body.get("member_id"), body.get("owner_id"), body.get("inviter_id"), *body.get("member_ids", [])[:NAMED]]
    return [str(one) for one in ids if one]


def in_words(kind: str, body: Json, *, who: str, name_of: Callable[[str], str], plain: Callable[[str], str]) -> str:
    """``plain`` makes a text of somebody else's harmless and one line."""

    def said(key: str) -> str:
        return plain(str(body.get(key, "")))

    def named(key: str) -> str:
        return name_of(str(body.get(key)))

    match kind:
        case "group_created":
            return f"{who} opened the group “{said('title')}”"
        case "members_added":
            return f"{who} added {_listed(map(name_of, body['member_ids'][:NAMED]), len(body['member_ids']))}"
        case "member_joined":
            return f"{who} joined" + (f", brought by {named('inviter_id')}" if body.get("inviter_id") else "")
        case "member_removed":
            return f"{who} removed {named('member_id')}"
        case "member_left":
            return f"{who} left"
        case "member_silenced":
            until = said("until")[:16].replace("T", " ")
            return f"{named('member_id')} may " + (
                f"not write until {until} UTC" if body.get("until") else "write again"
            )
        case "alias_changed":
            return f"{who} is called {said('alias') or 'by their own name'} here"
        case "admin_appointed":
            return f"{who} made {named('member_id')} an administrator"
        case "admin_dismissed":
            return f"{named('member_id')} is no administrator any more"
        case "owner_changed":
            return f"{who} handed the group over to {named('owner_id')}"
        case "title_changed":
            return f"{who} renamed the group “{said('title')}”"
        case "notice_changed":
            return f"{who} put up a notice: {said('notice')}"
        case "notice_removed":
            return f"{who} took the notice down"
        case "settings_changed":
            changed = (f"{plain(name).replace('_', ' ')}: {'on' if value else 'off'}" for name, value in body.items())
            return f"{who} changed the group: {', '.join(changed)}"
        case "group_disbanded":
            return f"{who} disbanded the group"
    raise ValueError(f"{kind} is nothing that happens to groups")


def _listed(names: Iterable[str], count: int) -> str:
    shown = list(names)
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return ", ".join(shown) + more
