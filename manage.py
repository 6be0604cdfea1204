#!/usr/bin/env python
"""Django's command line, with the task queue's settings loaded as in every other process."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loanfund.settings")
    import loanfund.celery  # noqa: F401, PLC0415 - the settings module must be named before it is read

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
