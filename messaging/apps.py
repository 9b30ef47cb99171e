from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"
    label = "messaging"

    def ready(self) -> None:
        from messaging import consumers, handlers

        consumers.register()
        handlers.register()
