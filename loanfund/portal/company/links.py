"""From a number that people know to the page of what it names."""

import re

from django.urls import NoReverseMatch, reverse

PAGES = {
    "APP": ("portal:application", "portal:applications"),
    "FAC": ("portal:facility", "portal:facilities"),
    "LN": ("portal:loan", "portal:facilities"),
}
NUMBER = re.compile(r"\b(APP|FAC|LN)-\d+\b")


def page_of(partner: str, named: str) -> str:
    """The address of the page of APP-0001, FAC-0001 or LN-0001 beneath the partner's number."""
    page, listed = PAGES[named.partition("-")[0]]
    try:
        return reverse(page, args=[partner, named])
    except NoReverseMatch:
        return reverse(listed, args=[partner])


def page_in(partner: str, text: str) -> str:
    """The address of the page of the first number that a text names; empty when it names none."""
    found = NUMBER.search(text)
    return page_of(partner, found.group()) if found else ""
