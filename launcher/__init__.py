"""Starts the whole system on one machine: `make run`.

Standard library only, since it runs before anything is installed; `launcher.roles` alone runs inside the environment.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the person may well start it with an older one
    sys.exit(f"Python 3.11 or later is needed; this is {sys.version_info[0]}.{sys.version_info[1]}.")
