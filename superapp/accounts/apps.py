from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "superapp.accounts"
    label = "accounts"

    def ready(self) -> None:
        from superapp.accounts import checks, handlers  # noqa: F401  (checks register themselves)

        handlers.register()
