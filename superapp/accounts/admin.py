from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display

from superapp.accounts import registry, selectors, services
from superapp.accounts.models import DataExport, Device, Erasure, Organisation, SignInCode, User
from superapp.accounts.staff.access import has_second_factor
from superapp.core.admin import Change, ReadOnlyAdmin, write_action
from superapp.core.errors import Conflict

#: Of an organisation, on its page.
SHOWN_STAFF = 50


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ("name", "handle", "state", "language", "created_at")
    search_fields = ("pk",)
    search_help_text = _("An id, a phone number with its + or a handle, each in full.")
    is_sensitive = True
    # What support is asked about comes first. A column that is new is not shown before somebody adds it here.
    shown = ("name", "handle", "phone", "state_in_words", "id", "devices", "second_factor", "roles", "language")
    shown_below = (
        "time_zone",
        "created_at",
        "last_login",
        "banned_at",
        "deactivated_at",
        "erased_at",
        "is_active",
        "is_staff",
        "is_superuser",
        "is_demo",
    )
    readonly_fields = (*shown, *shown_below)
    actions_detail = ("sign_out", "unlock", "ban", "unban", "reset_second_factor")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*self.shown, *self.shown_below]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By what people are known under, which stands in its directory and not in an index of this table."""
        if found := selectors.user_ids_named(search_term):
            return queryset.filter(pk__in=found), False
        return super().get_search_results(request, queryset, search_term)

    @display(
        description=_("state"),
        label={
            "active": "success",
            "banned": "danger",
            "left": "warning",
            "erased": "default",
            "inactive": "warning",
            "staff": "info",
            "demo": "default",
        },
    )
    def state(self, user: User) -> tuple[str, Any]:
        if user.erased_at is not None:
            return "erased", _("erased")
        if user.banned_at is not None:
            return "banned", _("banned")
        if user.deactivated_at is not None:
            return "left", _("has left")
        if not user.is_active:
            return "inactive", _("not active")
        if user.is_staff:
            return "staff", _("staff")
        return ("demo", _("demo")) if user.is_demo else ("active", _("active"))

    @display(description=_("name"))
    def name(self, user: User) -> str:
        return user.shown_name

    @display(description=_("state"))
    def state_in_words(self, user: User) -> Any:
        # A list makes a badge of the pair; a page would print it as it is.
        _name, words = self.state(user)
        return words

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(user.groups.order_by("name").values_list("name", flat=True)) or "–"

    @display(description=_("second factor"), boolean=True)
    def second_factor(self, user: User) -> bool:
        return has_second_factor(user)

    @display(description=_("devices"))
    def devices(self, user: User) -> str:
        rows: Iterable[Device] = selectors.devices_of(user.id)[:20]
        lines = [
            (device.name, device.get_platform_display(), f"{device.last_seen_at:%Y-%m-%d %H:%M}") for device in rows
        ]
        if not lines:
            return str(_("None is signed in."))
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} · {} · {} UTC</li>", lines))

    @write_action(
        description=_("Sign out"),
        permission="accounts.sign_out_user",
        audited="accounts.signed_out_everywhere",
    )
    def sign_out(self, request: HttpRequest, user: User, data: dict[str, Any]) -> Change:
        return Change(after={"devices": services.revoke_all_devices(user_id=user.id)})

    @write_action(description=_("Unlock sign-in"), permission="accounts.unlock_user", audited="accounts.unlocked")
    def unlock(self, request: HttpRequest, user: User, data: dict[str, Any]) -> None:
        services.unlock_sign_in(user_id=user.id)

    @write_action(description=_("Ban"), permission="accounts.ban_user", audited="accounts.banned", is_dangerous=True)
    def ban(self, request: HttpRequest, user: User, data: dict[str, Any]) -> Change:
        devices = services.ban_user(user_id=user.id)
        return Change(before={"is_active": user.is_active}, after={"is_active": False, "devices": devices})

    @write_action(description=_("Lift ban"), permission="accounts.unban_user", audited="accounts.unbanned")
    def unban(self, request: HttpRequest, user: User, data: dict[str, Any]) -> Change:
        is_active = services.unban_user(user_id=user.id)
        return Change(before={"is_active": user.is_active}, after={"is_active": is_active})

    @write_action(
        description=_("Reset second factor"),
        permission="accounts.reset_second_factor_user",
        audited="accounts.second_factor_reset",
    )
    def reset_second_factor(self, request: HttpRequest, user: User, data: dict[str, Any]) -> None:
        if not services.reset_second_factor(user_id=user.id):
            raise Conflict(_("There is no second factor to take away."))


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Who has left and what has become of it; of a person there is no more in it than their number here."""

    list_display = ("user_id", "state", "rooms", "attempts", "error", "requested_at", "due_at", "done_at")
    list_display_links = ("user_id",)
    search_fields = ("pk",)
    search_help_text = _("The id of a person.")
    # What an operator asks first comes first.
    shown = ("user_id", "state_in_words", "rooms", "error", "attempts", "next_at")
    readonly_fields = (*shown, "requested_at", "due_at", "started_at", "done_at")
    actions = actions_detail = ("retry",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(
        description=_("state"),
        label={"waiting": "info", "blocked": "warning", "erasing": "info", "failed": "danger", "done": "success"},
    )
    def state(self, erasure: Erasure) -> tuple[str, Any]:
        return erasure.state.value, erasure.state.label

    @display(description=_("state"))
    def state_in_words(self, erasure: Erasure) -> Any:
        return erasure.state.label

    @display(description=_("rooms done"))
    def rooms(self, erasure: Erasure) -> str:
        return ", ".join(erasure.done_rooms) or "–"

    @write_action(description=_("Retry"), permission="accounts.retry_erasure", audited="accounts.erasure_retried")
    def retry(self, request: HttpRequest, erasure: Erasure, data: dict[str, Any]) -> Change:
        services.retry_erasure(user_id=erasure.user_id)
        return Change(before={"attempts": erasure.attempts, "error": erasure.error}, after={"attempts": 0})


@admin.register(DataExport)
class DataExportAdmin(ReadOnlyAdmin):
    """How far copies of people's data are. What is in them is only their person's."""

    list_display = ("id", "user_id", "state_badge", "rooms", "attempts", "error", "created_at", "expires_at")
    search_fields = ("pk", "user_id")
    search_help_text = _("The id of a copy or of a person.")
    shown = ("id", "user_id", "state", "rooms", "error", "attempts", "due_at")
    readonly_fields = (*shown, "size_bytes", "created_at", "ready_at", "expires_at")
    actions = actions_detail = ("retry",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.readonly_fields)

    @display(description=_("state"), label={"preparing": "info", "ready": "success", "failed": "danger"})
    def state_badge(self, export: DataExport) -> tuple[str, Any]:
        return export.state, export.get_state_display()

    @display(description=_("rooms done"))
    def rooms(self, export: DataExport) -> str:
        return ", ".join(export.done_rooms) or "–"

    @write_action(description=_("Retry"), permission="accounts.retry_dataexport", audited="accounts.export_retried")
    def retry(self, request: HttpRequest, export: DataExport, data: dict[str, Any]) -> Change:
        services.retry_export(export_id=export.id)
        return Change(before={"attempts": export.attempts, "error": export.error}, after={"attempts": 0})


@admin.register(SignInCode)
class SignInCodeAdmin(ReadOnlyAdmin):
    """Whether a code was asked for and sent, and how often somebody guessed; never the code."""

    list_display = ("phone", "outcome", "attempts", "is_used", "expires_at", "language")
    # A row's key is the half of the code that its owner holds: it stands in no link.
    list_display_links = None
    search_fields = ("phone",)
    search_help_text = _("A phone number with its +.")
    ordering = ("-expires_at",)
    hidden_fields = frozenset({"challenge", "provider_reference", "purpose", "user_id"})

    @display(description=_("used"), boolean=True)
    def is_used(self, code: SignInCode) -> bool:
        return code.used_at is not None


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "state_shown", "legal_name", "created_at")
    list_filter = ("state",)
    search_fields = ("pk", "creator_id")
    search_help_text = _("Words of a name, or the id of an organisation or of who asked for it.")
    # Whoever decides about one sees first what it is and who stands behind it.
    shown = ("name", "kind", "state", "legal_name", "requested_by", "created_at", "id", "staff", "open_invitations")
    readonly_fields = shown
    actions = ("approve", "refuse")
    actions_detail = ("approve", "refuse", "suspend", "reinstate")
    #: What can be done to one, by its state.
    steps: ClassVar[dict[str, set[str]]] = {
        Organisation.State.REQUESTED: {"approve", "refuse"},
        Organisation.State.ACTIVE: {"suspend"},
        Organisation.State.SUSPENDED: {"reinstate"},
    }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.shown)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term.strip() or search_term.strip().isdigit():
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(pk__in=selectors.organisations_named(search_term).values("pk")), False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Without what its state rules out; the services refuse that in any case."""
        one = self.get_object(request, str(object_id))
        possible = self.steps.get(one.state, set()) if one else set()
        found = super().get_actions_detail(request, object_id)
        return [action for action in found if action.method.__name__ in possible]

    @display(
        description=_("state"),
        ordering="state",
        label={"active": "success", "requested": "info", "suspended": "warning", "refused": "danger"},
    )
    def state_shown(self, one: Organisation) -> tuple[str, Any]:
        return one.state, one.get_state_display()

    @display(description=_("requested by"))
    def requested_by(self, one: Organisation) -> str:
        return _person(selectors.users([one.creator_id]).get(one.creator_id), one.creator_id)

    @display(description=_("staff"))
    def staff(self, one: Organisation) -> str:
        places = selectors.first_places(one.id, most=SHOWN_STAFF + 1)
        selectors.show_people(places)
        labels = {role.name: role.label for role in registry.roles.of(one.kind)}
        rows = [
            (
                _person(place.user, place.user_id),  # type: ignore[attr-defined]
                ", ".join(str(labels.get(role, role)) for role in place.roles),
                f"{place.joined_at:%Y-%m-%d}",
            )
            for place in places[:SHOWN_STAFF]
        ]
        table = _table((_("person"), _("roles"), _("since")), rows)
        if len(places) <= SHOWN_STAFF:
            return table
        return format_html("{}<p>{}</p>", table, _("The first %(number)s are shown.") % {"number": SHOWN_STAFF})

    @display(description=_("open invitations"))
    def open_invitations(self, one: Organisation) -> int:
        return selectors.open_invitation_count(one.id)

    @write_action(description=_("Approve"), permission="accounts.approve_organisation", audited=None)
    def approve(self, request: HttpRequest, one: Organisation, data: dict[str, Any]) -> None:
        services.approve_organisation(organisation_id=one.id, actor_id=_staff_id(request), reason=data["reason"])

    @write_action(description=_("Refuse"), permission="accounts.refuse_organisation", audited=None)
    def refuse(self, request: HttpRequest, one: Organisation, data: dict[str, Any]) -> None:
        services.refuse_organisation(organisation_id=one.id, actor_id=_staff_id(request), reason=data["reason"])

    @write_action(description=_("Suspend"), permission="accounts.suspend_organisation", audited=None, is_dangerous=True)
    def suspend(self, request: HttpRequest, one: Organisation, data: dict[str, Any]) -> None:
        services.suspend_organisation(organisation_id=one.id, actor_id=_staff_id(request), reason=data["reason"])

    @write_action(description=_("Reinstate"), permission="accounts.reinstate_organisation", audited=None)
    def reinstate(self, request: HttpRequest, one: Organisation, data: dict[str, Any]) -> None:
        services.reinstate_organisation(organisation_id=one.id, actor_id=_staff_id(request), reason=data["reason"])


def _staff_id(request: HttpRequest) -> int:
    assert request.user.pk is not None
    return request.user.pk


def _person(user: User | None, user_id: int) -> str:
    """A name that leads to the person's page."""
    if user is None:
        return str(user_id)
    address = reverse("admin:accounts_user_change", args=[user.id])
    name = f"{user.display_name} (@{user.handle})" if user.handle else user.display_name
    link = format_html('<a class="sa-link" href="{}">{}</a>', address, name)
    return link if user.banned_at is None else format_html('{} <strong class="sa-bad">{}</strong>', link, _("banned"))


def _table(heads: Iterable[Any], rows: Iterable[tuple[str, ...]]) -> str:
    head = format_html_join("", "<th>{}</th>", ((text,) for text in heads))
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    )
    return format_html(
        '<div class="sa-scroll"><table class="sa-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        head,
        body,
    )
