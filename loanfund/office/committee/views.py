"""The committee room: applications, proposals and votes, offers, seats and meetings, each in a module of its own.

Importing them puts their pages into the office.
"""

from loanfund.office.committee import application, offering, papers, queue

__all__ = ["application", "offering", "papers", "queue"]
