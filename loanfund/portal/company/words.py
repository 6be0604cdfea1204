"""Small words that several pages of the company share."""

from datetime import date


def day_words(day: date) -> str:
    """21 Aug 2026, as the pages write a day."""
    return f"{day.day} {day:%b %Y}"
