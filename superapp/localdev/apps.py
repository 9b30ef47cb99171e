from django.apps import AppConfig
from django.conf import settings


class LocaldevConfig(AppConfig):
    name = "superapp.localdev"

    def ready(self) -> None:
        if getattr(settings, "DEMO_DATA", False):
            from superapp.localdev.demo import shop

            shop.register()
