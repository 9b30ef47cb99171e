from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SafetyConfig(AppConfig):
    name = "superapp.safety"
    label = "safety"
    verbose_name = _("Safety")

    def ready(self) -> None:
        from superapp.safety import handlers

        handlers.register()
