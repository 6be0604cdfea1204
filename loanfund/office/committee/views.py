"""The committee room: applications, proposals and votes, offers, seats and meetings, each in a module of its own.

Importing them puts their pages into the office.
"""

from loanfund.office.committee import application, certificates, offering, papers, proposals, queue, tabling

__all__ = ["application", "certificates", "offering", "papers", "proposals", "queue", "tabling"]
