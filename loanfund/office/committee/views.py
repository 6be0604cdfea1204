"""The committee room: applications, proposals and votes, offers, seats and meetings, the log, each in a module of its own.

Importing them puts their pages into the office.
"""

from loanfund.office.committee import (
    application,
    certificates,
    log,
    offering,
    papers,
    proposals,
    queue,
    reserved,
    seats,
    tabling,
)

__all__ = [
    "application",
    "certificates",
    "log",
    "offering",
    "papers",
    "proposals",
    "queue",
    "reserved",
    "seats",
    "tabling",
]
