"""Cuts Tabler's stylesheet down to what these pages use: `python -m loanfund.parties.vendoring tabler.min.css > out`.

A selector stays when each of its classes is named here; a page shows at once when one is missing. Dark mode is a matter
of variables in our own stylesheet, so Tabler's own dark rules go.
"""

import re
import sys
from pathlib import Path

COMPONENTS = r"""
    container(-xl|-fluid)? row col(-(auto|\d+))?(-?(sm|md|lg)(-(auto|\d+))?)? g-[0-5] gx-[0-5] gy-[0-5]
    btn btn-(primary|secondary|outline-(primary|secondary|danger)|danger|link|ghost-secondary|sm|lg|list|close)
    card card-(body|header|title|subtitle|footer|actions|sm|table) row-(cards|deck)
    table table-(sm|vcenter|responsive|hover)
    form-(control|control-sm|select|select-sm|check|check-input|check-label|label|text|hint|floating|fieldset|switch)
    input-(group|group-text|group-flat) is-(invalid|valid) invalid-feedback valid-feedback was-validated required
    alert alert-(success|info|warning|danger|title|link|heading)
    list-(group|group-item|group-item-action|group-flush|unstyled|inline|inline-item)
    nav nav-(link|item|tabs|pills) active disabled show collapse fade
    breadcrumb breadcrumb-item pagination page-item page-link visually-hidden visually-hidden-focusable
    row text-(start|end|center|nowrap|break|truncate|danger|success|secondary|body|uppercase|decoration-none)
    d-(none|block|inline|inline-block|flex|grid)|d-(sm|md|lg)-(none|block|flex|inline)
    flex-(row|column|wrap|nowrap|fill|grow-1|shrink-0)|flex-(sm|md|lg)-(row|column)
    (align-items|align-self)-(start|center|end|baseline|stretch) justify-content-(start|center|end|between)
    gap-[0-5] [mp][tbsexy]?-([0-5]|auto) w-(25|50|75|100|auto) h-100 mw-100 fw-(normal|medium|bold)
    position-(relative|sticky) order-(first|last) overflow-(auto|hidden) small lead h[1-6] mb-md-0 ms-md-auto
"""
KEPT = re.compile("|".join(f"(?:{word})" for word in COMPONENTS.split()))
CLASS = re.compile(r"\.((?:[\w-]|\\.)+)")


def kept_selector(selector: str) -> bool:
    return not {"theme", "data-vc"} & set(re.findall(r"theme|data-vc", selector)) and all(
        KEPT.fullmatch(name) for name in CLASS.findall(selector)
    )


def trimmed(css: str) -> str:
    """The same stylesheet without the rules, media blocks and animations that nothing here uses."""
    out: list[str] = []
    position = 0
    while (opening := css.find("{", position)) >= 0:
        head = css[position:opening].rpartition(";")[2].strip()
        depth, closing = 1, opening + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[closing], 0)
            closing += 1
        body = css[opening + 1 : closing - 1]
        position = closing
        if head.startswith(("@media", "@supports")):
            inner = trimmed(body)
            if inner and "print" not in head:
                out.append(f"{head}{{{inner}}}")
        elif not head.startswith("@"):
            selectors = [one for one in _split(head) if kept_selector(one)]
            if selectors:
                out.append(f"{','.join(selectors)}{{{body}}}")
    return "".join(out)


def without_unread_variables(css: str) -> str:
    """Drops, again and again, the custom properties that no `var()` reads."""
    while True:
        read = set(re.findall(r"var\((--[\w-]+)", css))
        fewer = re.sub(
            r"(?<=[{;])(--[\w-]+):[^;{}]*(;|(?=\}))",
            lambda found, read=read: found.group() if found.group(1) in read else "",  # type: ignore[misc]  # bound now
            css,
        )
        if fewer == css:
            return re.sub(r"[^{}]*\{\}", "", css)
        css = fewer


def _split(head: str) -> list[str]:
    """The selectors of a list, whose commas may also stand inside :is() and :not()."""
    return re.split(r",(?![^(]*\))", head)


def main() -> None:
    css = Path(sys.argv[1]).read_text()
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL).removeprefix('@charset "UTF-8";')
    sys.stdout.write(without_unread_variables(trimmed(css)) + "\n")


if __name__ == "__main__":
    main()
