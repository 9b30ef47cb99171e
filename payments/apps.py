from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PaymentsConfig(AppConfig):
    name = "payments"
    label = "payments"
    verbose_name = _("Wallet")

    def ready(self) -> None:
        from payments import consumers, handlers

        handlers.register()
        consumers.register()
