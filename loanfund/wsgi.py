"""What gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

import loanfund.celery  # noqa: F401 - a task sent from a page goes through this application's broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loanfund.settings")

application = get_wsgi_application()
