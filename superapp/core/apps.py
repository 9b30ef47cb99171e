from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "superapp.core"
    label = "core"
    verbose_name = _("Operation")

    def ready(self) -> None:
        from superapp.core import logs, outbox

        logs.configure()
        outbox.register_loop()
