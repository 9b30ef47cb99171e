import functools
import re
import zoneinfo
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from superapp.accounts import registry
from superapp.accounts.models import DataExport, Device, User
from superapp.core.api.fields import Id, Input, Integer, Line, Output, Text, Time


@functools.cache
def _time_zones() -> set[str]:
    """Without what a machine calls its own zone, and the lack of one. Asks the disk, so only once."""
    return zoneinfo.available_timezones() - {"localtime", "Factory"}


class Language(serializers.ChoiceField):
    """One of ours, in whatever case: the standard (BCP 47) writes zh-Hans and says that case does not matter."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__([code for code, _ in settings.LANGUAGES], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.lower() if isinstance(data, str) else data)


class BirthDate(serializers.DateField):
    """A day that somebody alive may have been born on."""

    default_error_messages = {
        "invalid": _("A date, such as 1990-12-31."),
        "future": _("This day is still to come."),
        "too_long_ago": _("Nobody has lived that long."),
    }
    MOST_YEARS = 130

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            self.fail("invalid")
        born, today = super().to_internal_value(value), timezone.now().date()
        if born > today:
            self.fail("future")
        if (today.year - born.year) - ((today.month, today.day) < (born.month, born.day)) > self.MOST_YEARS:
            self.fail("too_long_ago")
        return born


class ProfileOutput(Output):
    """What everybody may see of a person."""

    id = Id()
    handle = serializers.CharField(allow_null=True)
    display_name = serializers.CharField(source="shown_name")
    avatar_id = Id(allow_null=True, help_text="Ask /media/?ids=… for its addresses.")


class MeOutput(ProfileOutput):
    """What only oneself may see."""

    phone = serializers.CharField(allow_null=True)
    language = serializers.CharField()
    time_zone = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True, help_text="Only oneself sees it.")
    has_password = serializers.BooleanField(source="has_usable_password")
    terms_version = serializers.IntegerField(help_text="The terms that one has agreed to; 0: none.")
    current_terms_version = serializers.SerializerMethodField(help_text="The terms that there are to agree to.")
    created_at = Time()

    def get_current_terms_version(self, user: User) -> int:
        return int(settings.TERMS_VERSION)


class DeviceInput(Input):
    name = Line(max_length=60)
    platform = serializers.ChoiceField(Device.Platform.choices)


class BlockerOutput(Output):
    """Why one cannot leave yet."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class LeavingOutput(Output):
    kept_for_days = serializers.IntegerField(help_text="For so long an account that was given up can be taken back.")
    blockers = BlockerOutput(many=True, help_text="What has to be settled first.")


class ExportOutput(Output):
    """A copy of everything that is kept of one."""

    id = Id()
    state = serializers.CharField(help_text="preparing, ready or failed.")
    rooms = serializers.SerializerMethodField(help_text="The parts of the product that are copied.")
    done_rooms = serializers.ListField(child=serializers.CharField(), help_text="Those that are done.")
    size_bytes = serializers.IntegerField(help_text="0 until it is ready.")
    archive_ids = serializers.SerializerMethodField(
        help_text="Zip files, nearly always one, once it is ready. Ask /media/?ids=… for their addresses."
    )
    created_at = Time()
    expires_at = Time(help_text="Until then it can be fetched.")

    def get_rooms(self, export: DataExport) -> list[str]:
        return [room.name for room in registry.privacy.rooms()]

    def get_archive_ids(self, export: DataExport) -> list[str]:
        return [str(asset_id) for asset_id in export.archive_ids] if export.state == DataExport.State.READY else []


class ProofInput(Input):
    """That it is oneself, anew: the password, or a code that was sent to one's own phone."""

    password = Text(max_length=200, required=False, trim_whitespace=False)
    challenge = Text(max_length=64, required=False, help_text="With `code`, in place of the password.")
    code = Text(max_length=6, min_length=6, required=False, help_text="As sent to one's own phone.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("challenge" in attrs) != ("code" in attrs):
            raise serializers.ValidationError({"code": [_("A challenge and its code belong together.")]})
        if ("password" in attrs) == ("code" in attrs):
            raise serializers.ValidationError({"password": [_("Either the password or a code.")]})
        return attrs


class LeftOutput(Output):
    erased_after = Time(help_text="Until then signing in offers to take the account back.")


class ReturnInput(Input):
    return_token = Text(max_length=200)
    device = DeviceInput()


class TermsInput(Input):
    version = Integer(min_value=1, max_value=2**31 - 1)


class QrCardOutput(Output):
    url = serializers.CharField(help_text="What the code holds.")
    svg = serializers.CharField(help_text="The code as a picture that can be shown in any size.")


class MeInput(Input):
    display_name = Line(required=False, max_length=40)
    handle = serializers.RegexField(
        r"^[A-Za-z][A-Za-z0-9_]{1,19}\Z",
        required=False,
        error_messages={"invalid": _("2 to 20 letters, digits and underscores, the first a letter.")},
    )
    avatar_id = Id(required=False, allow_null=True)
    language = Language(required=False)
    time_zone = Text(required=False, max_length=50, help_text="A name from the IANA database, such as Europe/Paris.")

    birth_date = BirthDate(required=False, allow_null=True, help_text="Null takes it away.")

    def validate_time_zone(self, value: str) -> str:
        if value not in _time_zones():
            raise serializers.ValidationError(_("This is no time zone of the IANA database."))
        return value


class CodeInput(Input):
    phone = Text(max_length=32, help_text="International form, such as +33 6 12 34 56 78.")
    language = Language(default="en")


class SentCodeOutput(Output):
    challenge = serializers.CharField(help_text="Send it back together with the code.")
    expires_at = Time()


RECOGNITION_HELP = "What the last sign-in on this device gave as `recognition_token`, if there was one."


class CodeSignInInput(Input):
    challenge = Text(max_length=64)
    code = Text(max_length=6, min_length=6)
    device = DeviceInput()
    recognition_token = Text(max_length=200, required=False, help_text=RECOGNITION_HELP)


class PasswordSignInInput(Input):
    identifier = Text(max_length=32, help_text="A handle, or a phone number with its +.")
    password = Text(max_length=200, trim_whitespace=False)
    device = DeviceInput()
    recognition_token = Text(max_length=200, required=False, help_text=RECOGNITION_HELP)


class RefreshInput(Input):
    refresh_token = Text(max_length=200)


class SessionOutput(Output):
    access_token = serializers.CharField(source="access.text")
    access_expires_at = Time(source="device.access_expires_at")
    refresh_token = serializers.CharField(source="refresh.text")
    refresh_expires_at = Time()
    recognition_token = serializers.CharField(
        source="recognition.text",
        default=None,
        allow_null=True,
        help_text="Keep it beyond signing out and send it with the next sign-in: guesses of strangers then lock nobody "
        "out here. Null after a refresh, which leaves it as it is.",
    )
    device_id = Id(source="device.id")
    is_new_user = serializers.BooleanField()
    user = MeOutput()


class PasswordInput(Input):
    current_password = Text(max_length=200, required=False, trim_whitespace=False)
    challenge = Text(max_length=64, required=False, help_text="With `code`, in place of a password that is forgotten.")
    code = Text(max_length=6, min_length=6, required=False, help_text="As sent to one's own phone.")
    new_password = Text(max_length=200, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("challenge" in attrs) != ("code" in attrs):
            raise serializers.ValidationError({"code": [_("A challenge and its code belong together.")]})
        return attrs


class PhoneChangeOutput(Output):
    change_token = serializers.CharField(help_text="For the next two steps, on this device.")
    expires_at = Time()


class NewPhoneCodeInput(Input):
    change_token = Text(max_length=200)
    phone = Text(max_length=32, help_text="International form, such as +33 6 12 34 56 78.")


class NewPhoneInput(Input):
    change_token = Text(max_length=200)
    challenge = Text(max_length=64)
    code = Text(max_length=6, min_length=6, help_text="As sent to the new number.")


class AddedDeviceOutput(Output):
    """A device as all of its person's devices are told of it."""

    id = Id()
    name = serializers.CharField()
    platform = serializers.CharField()
    created_at = Time()
    last_seen_at = Time()


class DeviceOutput(AddedDeviceOutput):
    is_current = serializers.SerializerMethodField()

    def get_is_current(self, device: Device) -> bool:
        return bool(device.id == self.context["request"].auth.id)


class RevokedOutput(Output):
    revoked = serializers.IntegerField()
