import warnings

from django.apps import AppConfig
from django.conf import settings
from PIL import Image


class MediaConfig(AppConfig):
    name = "superapp.media"
    label = "media"

    def ready(self) -> None:
        from superapp.media import handlers  # noqa: F401  (subscribes)

        # Pillow's own guard warns from here on and refuses at twice as much: let it refuse at once. It is asked in
        # places that ``photos`` cannot see before they allocate, such as the frames inside a GIF.
        Image.MAX_IMAGE_PIXELS = settings.MEDIA_MAX_PIXELS
        warnings.simplefilter("error", Image.DecompressionBombWarning)
