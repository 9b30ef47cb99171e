from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "superapp.core"
    label = "core"

    def ready(self) -> None:
        from superapp.core import logs, outbox

        logs.configure()
        outbox.register_loop()
