"""REST and pages: `granian --interface wsgi superapp.wsgi:application`, or under asgi.py on one origin."""

import os

from django.core.wsgi import get_wsgi_application

from superapp.core.wsgi import utf8_only

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "superapp.settings.local")
application = utf8_only(get_wsgi_application())
