"""The log in the words of its readers."""

from django import template
from django.apps import apps

from loanfund.audit.words import words_of

register = template.Library()
register.filter("act", words_of)


@register.filter
def kind_of_object(label: str) -> str:
    """What an object of the log is, by the name of its model: "settlement account" for parties.settlementaccount."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return label
    return str(model._meta.verbose_name)
