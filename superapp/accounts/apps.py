from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "superapp.accounts"
    label = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        from superapp.accounts import checks, handlers  # noqa: F401  (checks register themselves)

        handlers.register()
