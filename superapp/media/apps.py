import warnings

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from PIL import Image


class MediaConfig(AppConfig):
    name = "superapp.media"
    label = "media"
    verbose_name = _("Uploads")

    def ready(self) -> None:
        from superapp.core import metrics
        from superapp.media import handlers, selectors  # noqa: F401  (handlers subscribe)

        metrics.register_overdue(
            "media.processing", lambda: len(selectors.assets_left_behind(overdue=metrics.OVERDUE, limit=1000))
        )

        # Pillow's own guard warns from here on and refuses at twice as much: let it refuse at once. It is asked in
        # places that ``photos`` cannot see before they allocate, such as the frames inside a GIF.
        Image.MAX_IMAGE_PIXELS = settings.MEDIA_MAX_PIXELS
        warnings.simplefilter("error", Image.DecompressionBombWarning)
