import getpass
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from superapp.accounts import selectors, services
from superapp.accounts.errors import PasswordRejected
from superapp.core.errors import DomainError


class Command(BaseCommand):
    help = (
        "Make somebody an administrator or give them roles, take their second factor away, or end their work here."
        " Asks for what is not given; the password is asked for, or read from standard input, and never shown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--handle", help="their handle, new or theirs already")
        parser.add_argument("--name", help="the name that others see, for somebody new")
        parser.add_argument("--role", action="append", choices=settings.STAFF_ROLES, help="may be given several times")
        parser.add_argument("--superuser", action="store_true", help="may do everything; one or two people at most")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--reset-second-factor", action="store_true", help="their next sign-in sets up a new one")
        what.add_argument("--remove", action="store_true", help="they are no staff any more; their account stays")

    def handle(self, **options: Any) -> None:
        handle = (options["handle"] or self._ask("Handle: ")).removeprefix("@").lower()
        try:
            if options["reset_second_factor"]:
                self._reset(handle)
            elif options["remove"]:
                self._remove(handle)
            else:
                self._make(handle, options)
        except PasswordRejected as refusal:
            raise CommandError("\n".join([str(refusal.text), *refusal.details["reasons"]])) from None
        except DomainError as refusal:
            raise CommandError(f"@{handle}: {refusal.text}") from None

    def _make(self, handle: str, options: dict[str, Any]) -> None:
        roles, is_superuser = options["role"] or [], options["superuser"]
        if not roles and not is_superuser:
            wanted = self._ask(f"Roles ({', '.join(settings.STAFF_ROLES)}; superuser), separated by commas: ")
            words = {word.strip() for word in wanted.split(",") if word.strip()}
            is_superuser, roles = "superuser" in words, sorted(words - {"superuser"})
            if not words or not words <= {"superuser", *settings.STAFF_ROLES}:
                raise CommandError("Name at least one of these roles.")
        is_known = bool(selectors.user_ids_named(handle))
        name = options["name"] or ("" if is_known else self._ask("Name that others see: "))
        user, is_new = services.create_staff(
            handle=handle,
            display_name=name or handle,
            password=self._password(may_be_empty=is_known),
            roles=roles,
            is_superuser=is_superuser,
        )
        what = ", ".join([*(["superuser"] if is_superuser else []), *roles])
        self.stdout.write(f"@{user.handle} is {'new and ' if is_new else ''}staff now: {what}.")
        if settings.ADMIN_PATH:
            self.stdout.write(
                f"They sign in at {settings.PUBLIC_ORIGIN}/{settings.ADMIN_PATH} and set up their second factor there."
            )
        else:
            self.stdout.write("There is no admin here yet: set ADMIN_PATH.")

    def _reset(self, handle: str) -> None:
        removed = services.reset_second_factor(user_id=services.staff_member(handle).id)
        self.stdout.write(
            f"@{handle} sets up a new second factor at the next sign-in." if removed else f"@{handle} has none."
        )

    def _remove(self, handle: str) -> None:
        services.remove_staff(user_id=services.staff_member(handle).id)
        self.stdout.write(f"@{handle} is no staff any more.")

    def _password(self, *, may_be_empty: bool) -> str:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\r\n")
        hint = " (empty: the one they have)" if may_be_empty else ""
        first = getpass.getpass(f"Password{hint}: ")
        if first != getpass.getpass("Once more: "):
            raise CommandError("These are two different passwords.")
        return first

    def _ask(self, question: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError(f"There is nobody to ask: {question.partition('(')[0].strip(' :')} is missing.")
        return input(question).strip()
