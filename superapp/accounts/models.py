from typing import ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from superapp.core.idempotency import InsertOnceManager


class UserManager(BaseUserManager["User"]):
    """People are made by ``services``; Django's sign-in looks them up by handle."""


class User(AbstractBaseUser, PermissionsMixin):
    """A person. ``phone`` and ``handle`` repeat what their directories hold, where they are unique."""

    # Without a default: Django's own checks make an empty instance before there is a database to number it.
    id = models.BigIntegerField(primary_key=True, editable=False)
    phone = models.CharField(_("phone"), max_length=16, null=True)  # noqa: DJ001  (null: none; "" would be a number)
    handle = models.CharField(_("handle"), max_length=20, null=True)  # noqa: DJ001
    display_name = models.CharField(_("name"), max_length=40)
    avatar_id = models.BigIntegerField(null=True)
    language = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)
    #: Set: a moderator shut them out, and only a moderator lets them in again.
    banned_at = models.DateTimeField(null=True)
    #: Set: they gave the account up. Until it is erased they may take it back.
    deactivated_at = models.DateTimeField(null=True)
    #: Set: nothing is left but the id under which others' threads know them.
    erased_at = models.DateTimeField(null=True)
    #: Theirs alone: nobody else is shown it, staff included.
    birth_date = models.DateField(_("birth date"), null=True)
    #: The terms that they agreed to, 0 for none; ``TERMS_VERSION`` is what there is to agree to.
    terms_version = models.IntegerField(db_default=0)
    terms_accepted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "handle"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]
    objects = UserManager()

    class Meta:
        db_table = "accounts_user"
        verbose_name = _("person")
        verbose_name_plural = _("people")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(banned_at=None) | Q(is_active=False), name="user_banned_is_not_active"),
            models.CheckConstraint(
                condition=Q(terms_version=0, terms_accepted_at=None)
                | Q(terms_version__gt=0, terms_accepted_at__isnull=False),
                name="user_terms",
            ),
            models.CheckConstraint(
                condition=Q(deactivated_at=None) | Q(is_active=False), name="user_deactivated_is_not_active"
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None)
                | Q(is_active=False, phone=None, handle=None, display_name="", avatar_id=None, birth_date=None),
                name="user_erased_keeps_nothing",
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(is_demo=True), name="user_of_the_demo")]

    def __str__(self) -> str:
        return self.handle or str(self.id)

    @property
    def shown_name(self) -> str:
        """What everybody is shown, in the language of whoever looks."""
        return gettext("Deleted person") if self.erased_at else self.display_name


class PhoneDirectory(models.Model):
    """Whose number this is (E.164), or was: for a while after ``released_at`` nobody else may have it."""

    phone = models.CharField(primary_key=True, max_length=16)
    user_id = models.BigIntegerField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounts_phone"
        indexes = [models.Index(fields=["released_at"], condition=~Q(released_at=None), name="phone_released")]


class HandleDirectory(models.Model):
    """Whose handle this is, or was: a handle given up is kept for its person, so that nobody can pose as them."""

    handle = models.CharField(primary_key=True, max_length=20)
    user_id = models.BigIntegerField()
    claimed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "accounts_handle"
        indexes = [models.Index(fields=["user_id", "-claimed_at"], name="handle_claims")]
        constraints = [models.CheckConstraint(condition=Q(handle__regex=r"^[a-z][a-z0-9_]{1,19}$"), name="handle_form")]


class SignInCode(models.Model):
    """A code that was sent. ``challenge`` goes to whoever asked for it, the code to the phone; both are needed.

    ``provider_reference`` is set where the provider made the code and has to be asked whether a guess is right.
    """

    class Outcome(models.TextChoices):
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    class Purpose(models.TextChoices):
        """What it proves. A code that was sent for one thing is wrong for every other."""

        SIGN_IN = "sign_in", _("signing in")
        OWN_PHONE = "own_phone", _("showing that it is oneself")
        NEW_PHONE = "new_phone", _("a new number")

    challenge = models.CharField(primary_key=True, max_length=64)
    phone = models.CharField(max_length=16)
    language = models.CharField(max_length=10)
    code_hash = models.CharField(max_length=64)
    attempts = models.SmallIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, db_default=Outcome.SENDING)
    provider_reference = models.CharField(max_length=64, db_default="")
    purpose = models.CharField(max_length=10, choices=Purpose.choices, db_default=Purpose.SIGN_IN)
    #: Who asked for it, where that is known: nobody else can use it.
    user_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "accounts_sign_in_code"
        verbose_name = _("sign-in code")
        verbose_name_plural = _("sign-in codes")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["phone", "expires_at"], name="sign_in_code_phone")]
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose="sign_in", user_id=None)
                | Q(purpose__in=["own_phone", "new_phone"], user_id__isnull=False),
                name="sign_in_code_purpose",
            )
        ]

    def __str__(self) -> str:
        return f"{self.phone} {self.expires_at:%Y-%m-%d %H:%M}"


class CodeCount(models.Model):
    """How many codes went to numbers that begin alike, on one day (UTC)."""

    pk = models.CompositePrimaryKey("prefix", "day")
    prefix = models.CharField(max_length=16)
    day = models.DateField()
    sent = models.IntegerField()

    class Meta:
        db_table = "accounts_code_count"


class PasswordAttempts(models.Model):
    """Wrong passwords per name, known or not, per account and per known device: a locked row, so that parallel guesses
    count one by one."""

    identifier_hash = models.CharField(primary_key=True, max_length=64)
    failures = models.SmallIntegerField()
    counted_until = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "accounts_password_attempts"


class Device(models.Model):
    """A signed-in device: one access token at a time, and a family of refresh tokens of which the newest works."""

    class Platform(models.TextChoices):
        IOS = "ios"
        ANDROID = "android"
        WEB = "web"
        DESKTOP = "desktop"
        TERMINAL = "terminal"

    pk = models.CompositePrimaryKey("user_id", "id")
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    id = models.BigIntegerField()
    name = models.CharField(max_length=60)
    platform = models.CharField(max_length=10, choices=Platform.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField()
    access_digest = models.CharField(max_length=64)
    access_expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounts_device"
        constraints = [models.UniqueConstraint(fields=["user", "access_digest"], name="device_access_token")]


class PhoneChange(models.Model):
    """Somebody has proved who they are and is about to give another number. Its token works on that device only."""

    pk = models.CompositePrimaryKey("user_id", "digest")
    user_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    device_id = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)
    #: Set: the number has been changed. The row stays, so that a repetition finds that out.
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounts_phone_change"


class KnownDevice(models.Model):
    """A device that has been let in before. What it shows for that opens nothing: its wrong passwords are counted apart
    from strangers'. It outlives sign-outs, and ends where somebody or something throws the device out."""

    pk = models.CompositePrimaryKey("user_id", "digest")
    user_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    #: What it was let in as the last time.
    device_id = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "accounts_known_device"


class RefreshToken(models.Model):
    """Every refresh token a device had. A used one that comes back means that two hold it: the family dies."""

    pk = models.CompositePrimaryKey("user_id", "digest")
    user_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    device_id = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounts_refresh_token"


# --- Organisations ----------------------------------------------------------------------------------------------------


class Organisation(models.Model):
    """A brand, a merchant or a studio, and how many owners it has.

    Whatever changes its staff or its invitations holds this row's lock, so ``owner_count`` is exact, and the database
    refuses a change that would leave nobody responsible.
    """

    class Kind(models.TextChoices):
        BRAND = "brand", _("brand")
        MERCHANT = "merchant", _("merchant")
        STUDIO = "studio", _("studio")

    class State(models.TextChoices):
        REQUESTED = "requested", _("requested")
        ACTIVE = "active", _("active")
        SUSPENDED = "suspended", _("suspended")
        REFUSED = "refused", _("refused")

    id = models.BigIntegerField(primary_key=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=60)
    legal_name = models.CharField(_("legal name"), max_length=120, db_default="")
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    owner_count = models.IntegerField(_("owners"), default=1)
    #: Who asked for it, under which key: a retry finds the first one.
    creator_id = models.BigIntegerField(_("requested by"))
    client_id = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    #: The words of both names, see ``core.text``.
    search = SearchVectorField(null=True)

    is_replay: bool = False
    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "accounts_organisation"
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["creator_id", "client_id"], name="organisation_once"),
            models.CheckConstraint(condition=Q(kind__in=["brand", "merchant", "studio"]), name="organisation_kind"),
            models.CheckConstraint(
                condition=Q(state__in=["requested", "active", "suspended", "refused"]), name="organisation_state"
            ),
            models.CheckConstraint(
                condition=Q(owner_count__gte=1) | Q(owner_count=0, state="refused"), name="organisation_has_an_owner"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="organisation_by_state"),
            GinIndex(fields=["search"], name="organisation_words"),
        ]

    def __str__(self) -> str:
        return self.name


class OrganisationMember(models.Model):
    """Somebody on the staff of an organisation, and their roles there (``registry.roles``)."""

    pk = models.CompositePrimaryKey("organisation_id", "user_id")
    organisation = models.ForeignKey(Organisation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    user_id = models.BigIntegerField()
    roles = ArrayField(models.CharField(max_length=20))
    joined_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "accounts_organisation_member"
        constraints = [models.CheckConstraint(condition=Q(roles__len__gt=0), name="organisation_member_has_a_role")]
        indexes = [
            models.Index(fields=["user_id", "-organisation_id"], name="organisations_of"),
            models.Index(fields=["organisation_id", "joined_at", "user_id"], name="organisation_staff"),
        ]


class OrganisationInvitation(models.Model):
    """An offer of roles: to a person, to whoever has a phone number when they answer, or to who holds a link.

    ``phone`` says nothing of whether somebody has that number. A link leads here by its reference, see ``core.links``.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        REVOKED = "revoked"

    id = models.BigIntegerField(primary_key=True, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.DO_NOTHING, related_name="+", db_index=False)
    #: Who invited, under which key: a retry finds the first one.
    inviter_id = models.BigIntegerField()
    client_id = models.UUIDField()
    request_hash = models.BinaryField(max_length=32)
    roles = ArrayField(models.CharField(max_length=20))
    invitee_id = models.BigIntegerField(null=True)
    phone = models.CharField(max_length=16, null=True)  # noqa: DJ001  (null: not by number)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    #: Whoever accepted it.
    member_id = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    is_replay: bool = False
    objects: ClassVar[InsertOnceManager[Self]] = InsertOnceManager()

    class Meta:
        db_table = "accounts_organisation_invitation"
        constraints = [
            models.UniqueConstraint(fields=["inviter_id", "client_id"], name="invitation_once"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "accepted", "declined", "revoked"]), name="invitation_state"
            ),
            models.CheckConstraint(condition=Q(roles__len__gt=0), name="invitation_has_a_role"),
            models.CheckConstraint(condition=Q(invitee_id=None) | Q(phone=None), name="invitation_to_one"),
            models.CheckConstraint(
                condition=Q(state="accepted", member_id__isnull=False) | (~Q(state="accepted") & Q(member_id=None)),
                name="invitation_accepted_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["organisation", "invitee_id"], condition=Q(state="pending"), name="invitation_once_per_person"
            ),
            models.UniqueConstraint(
                fields=["organisation", "phone"], condition=Q(state="pending"), name="invitation_once_per_phone"
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "-id"], condition=Q(state="pending"), name="invitations_open"),
            models.Index(fields=["invitee_id", "-id"], condition=Q(state="pending"), name="invitations_of_person"),
            models.Index(fields=["phone", "-id"], condition=Q(state="pending"), name="invitations_of_phone"),
        ]

    @property
    def is_by_link(self) -> bool:
        return self.invitee_id is None and self.phone is None


# --- Leaving ----------------------------------------------------------------------------------------------------------


class Erasure(models.Model):
    """An account that its person gave up. Until ``due_at`` they may take it back; then room after room erases what it
    keeps of them (``registry.privacy``).

    ``done_rooms`` says how far that has come. ``next_at`` is when somebody may next work on it: a claim moves it ahead,
    which makes it a lease for the one who claimed and a pause before the next attempt.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("can be taken back")
        BLOCKED = "blocked", _("something has to be settled")
        ERASING = "erasing", _("being erased")
        FAILED = "failed", _("failed")
        DONE = "done", _("erased")

    #: Then a person has to look; counted anew after each room that is done.
    MAX_ATTEMPTS: ClassVar[int] = 8

    user_id = models.BigIntegerField(primary_key=True)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField()
    #: Set: there is no way back.
    started_at = models.DateTimeField(null=True)
    done_rooms = models.JSONField(default=list)
    attempts = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    #: What went wrong last, by its kind: what an error says in words may name somebody.
    error = models.CharField(max_length=200, default="")
    #: What somebody who proved who they are may take it back with, for a while.
    return_digest = models.CharField(max_length=64, default="")
    return_expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounts_erasure"
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["next_at"], condition=Q(done_at=None), name="erasure_next")]
        constraints = [
            models.CheckConstraint(condition=Q(done_at=None) | Q(started_at__isnull=False), name="erasure_order"),
            models.CheckConstraint(condition=Q(started_at=None) | Q(return_digest=""), name="erasure_no_way_back"),
        ]

    def __str__(self) -> str:
        return str(self.user_id)

    @property
    def state(self) -> "Erasure.State":
        if self.done_at is not None:
            return self.State.DONE
        if self.attempts >= self.MAX_ATTEMPTS:
            return self.State.FAILED
        if self.started_at is None:
            return self.State.BLOCKED if self.due_at <= timezone.now() and self.error else self.State.WAITING
        return self.State.ERASING


class DataExport(models.Model):
    """A copy of everything that is kept of somebody, made by workers: room after room in pieces, which are then packed
    into archives, nearly always one.

    ``done_rooms``, ``offset`` (parts of the next room that are done), ``pieces`` and ``packed`` (pieces in archives)
    say how far that has come: whoever takes over goes on there. ``due_at`` is when somebody may next work on it, and
    ``turn`` grows with every claim: what somebody brings who was overtaken does not count.
    """

    class State(models.TextChoices):
        PREPARING = "preparing", _("being made")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")

    #: Then a person has to look; counted anew after each piece.
    MAX_ATTEMPTS: ClassVar[int] = 5

    id = models.BigIntegerField(primary_key=True, editable=False)
    user_id = models.BigIntegerField()
    client_id = models.UUIDField()
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PREPARING)
    done_rooms = models.JSONField(default=list)
    offset = models.IntegerField(default=0)
    #: ``[asset id, bytes]`` of each.
    pieces = models.JSONField(default=list)
    packed = models.IntegerField(default=0)
    archive_ids = models.JSONField(default=list)
    size_bytes = models.BigIntegerField(default=0)
    attempts = models.SmallIntegerField(default=0)
    turn = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    #: What went wrong last, by its kind.
    error = models.CharField(max_length=200, default="")
    created_at = models.DateTimeField(db_default=Now())
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    is_replay: bool = False

    class Meta:
        db_table = "accounts_data_export"
        verbose_name = _("copy of somebody's data")
        verbose_name_plural = _("copies of people's data")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["user_id", "client_id"], name="export_once"),
            models.UniqueConstraint(fields=["user_id"], condition=Q(state="preparing"), name="export_one_at_a_time"),
            models.CheckConstraint(condition=Q(state__in=["preparing", "ready", "failed"]), name="export_state"),
            models.CheckConstraint(
                condition=Q(state="ready", ready_at__isnull=False, size_bytes__gt=0)
                | (~Q(state="ready") & Q(ready_at=None)),
                name="export_ready_is_there",
            ),
        ]
        indexes = [
            models.Index(fields=["user_id", "-id"], name="export_list"),
            models.Index(fields=["due_at"], condition=Q(state="preparing"), name="export_due"),
        ]

    def __str__(self) -> str:
        return str(self.id)
