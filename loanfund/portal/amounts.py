"""Amounts as people type them: what separates thousands is taken out, and nothing that may have been meant otherwise."""

import re

from django import forms

SEPARATORS = ",'’_ \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
SEPARATED = re.compile(rf"[-−]?[\d.]*[{SEPARATORS}][\d.{SEPARATORS}]*")
GROUPED = re.compile(rf"[-−]?\d{{1,3}}(?:[{SEPARATORS}]\d{{3}})+(?:\.\d*)?")


def without_separators(text: str) -> str:
    """`1,250,000.50` as `1250000.50`; what is no number at all is given back as it is, for its field to refuse.

    Raises ValidationError where a separator does not stand between groups of three digits: `250000,50` is written by people
    to whom the comma begins the decimals, and is not 25 million.
    """
    text = text.strip()
    if not SEPARATED.fullmatch(text):
        return text
    if not GROUPED.fullmatch(text):
        raise forms.ValidationError(
            "Write the decimals after a point, and whole thousands in groups of three digits, such as 250,000.50."
        )
    return re.sub(f"[{SEPARATORS}]", "", text)
