from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "superapp.accounts"
    label = "accounts"

    def ready(self) -> None:
        from superapp.accounts import handlers

        handlers.register()
