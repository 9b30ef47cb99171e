"""REST and pages: `granian --interface wsgi superapp.wsgi:application`, or under asgi.py on one origin.

On its own it needs a proxy in front that takes in whole requests and answers (nginx does by default) and drops headers
with underscores: a thread would wait for everybody who is slow. Under asgi.py both is done by ``core.asgi``.
"""

import os

from django.core.wsgi import get_wsgi_application

from superapp.core.wsgi import plain_content_type

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "superapp.settings.local")
application = plain_content_type(get_wsgi_application())
