"""The pieces that pages are made of and that an include alone cannot draw."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.template.base import FilterExpression, Node, NodeList, Parser, Token
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from loanfund.parties.browsers import browser_words
from loanfund.parties.templatetags.money import exact

register = template.Library()
BAR_UNITS = 10_000
"""Width of a money bar in units of its own picture."""


@register.simple_tag(takes_context=True)
def request_id(context: Context) -> str:
    """An id for one intended act: a form that comes back with errors keeps it, so that sending twice acts once. A page
    that gives a function `act_id` has its forms alike in every tab that shows it."""
    request = context.get("request")
    sent = request.POST.get("request_id", "") if request is not None else ""
    try:
        return str(uuid.UUID(sent))
    except ValueError:
        given = context.get("act_id")
        return str(given() if given else uuid.uuid4())


@register.simple_tag(takes_context=True)
def current(context: Context, prefix: str) -> SafeString:
    """`aria-current` for a link of the navigation when the page lies beneath `prefix`, else nothing."""
    request = context.get("request")
    path = request.path if request is not None else ""
    here = path == prefix or (prefix.count("/") > 1 and path.startswith(prefix))
    return mark_safe('aria-current="page"' if here else "")  # nosec B308 B703 # two constants


@register.filter
def browser(agent: str) -> str:
    """`{{ session.user_agent|browser }}`: Firefox on Windows."""
    return browser_words(agent)


@register.tag
def scroll(parser: Parser, token: Token) -> "Scroll":
    """`{% scroll "Receipts" %}<table ...>{% endscroll %}`: scrolls sideways on a phone, by keyboard too."""
    words = token.split_contents()
    if len(words) != 2:
        raise template.TemplateSyntaxError("scroll takes one argument, what the table shows.")
    nodes = parser.parse(("endscroll",))
    parser.delete_first_token()
    return Scroll(parser.compile_filter(words[1]), nodes)


class Scroll(Node):
    def __init__(self, label: FilterExpression, nodelist: NodeList) -> None:
        self.label, self.nodelist = label, nodelist

    def render(self, context: Context) -> SafeString:
        return format_html(
            '<div class="table-responsive" tabindex="0" role="region" aria-label="{}">{}</div>',
            self.label.resolve(context),
            self.nodelist.render(context),
        )


@register.inclusion_tag("components/money_bar.html")
def money_bar(
    parts: Sequence[tuple[str, Decimal]],
    total: Decimal,
    code: str,
    title: str,
    links: Any = None,
    rest: str = "",
) -> dict[str, Any]:
    """One sum as a bar: `parts` are (label, amount) pairs, none negative, drawn in order against `total` (> 0).

    `links` leads from a label to the list behind it; the part called `rest` is drawn in grey. The picture has a title
    and a description; the legend beneath carries every figure as text.
    """
    whole = exact(total)
    left, drawn = 0, []
    for number, (label, value) in enumerate(parts):
        width = int(exact(value) * BAR_UNITS / whole) if whole > 0 else 0
        share = exact(value) / whole if whole > 0 else Decimal(0)
        drawn.append(
            {
                "label": label,
                "amount": value,
                "left": left,
                "width": width,
                "share": share.quantize(Decimal("0.0001")),
                "colour": "c6" if label == rest else f"c{number % 5 + 1}",
                "link": (links or {}).get(label, ""),
            }
        )
        left += width
    return {
        "parts": drawn,
        "total": total,
        "code": code,
        "title": title,
        "units": BAR_UNITS,
        "bar_id": f"bar-{uuid.uuid4().hex[:8]}",
    }


@register.simple_tag
def form_errors(form: Any) -> list[tuple[str, str, str]]:
    """What is wrong in a form as (id of the field or empty, its label, sentence), in the order of the fields."""
    found = [("", "", str(sentence)) for sentence in form.non_field_errors()]
    for field in form:
        found += [(field.id_for_label or "", str(field.label), str(sentence)) for sentence in field.errors]
    return found
