"""Formulas as MathML, which browsers draw themselves: no script, no font and no network is needed."""

import re

from latex2mathml.converter import convert

from learnit_core.errors import LearnitError

FORMULA = re.compile(
    r"(?P<code>^(?P<fence>```+|~~~+).*?^(?P=fence)|(?P<tick>`+)(?!`).*?(?<!`)(?P=tick)(?!`))"
    r"|\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?![\s$])(?P<inline>(?:[^$\n]|\n(?!\s*\n))+?)(?<!\s)\$(?![\d$])",
    re.DOTALL | re.MULTILINE,
)
"""Of Markdown: code, in which a dollar is a dollar, and formulas by themselves and in a line."""

PRIME = re.compile(r"<msup>(<m[in]>[^<]*</m[in]>)<mi>&#x02032;</mi></msup>")
"""A prime by itself, which fonts have raised already."""


def mathml(tex: str, *, block: bool = False) -> str:
    """A formula in LaTeX as a ``<math>`` element. Raises LearnitError if a command of it is not known."""
    try:
        made = convert(" ".join(tex.split()), display="block" if block else "inline")
    except Exception as error:  # the library's own errors share no class
        raise LearnitError(
            f"the formula {tex!r} cannot be set ({error}): expected LaTeX that latex2mathml knows"
        ) from error
    made = PRIME.sub(r"<mrow>\1<mi>&#x02032;</mi></mrow>", made)
    unknown = re.search(r"\\[A-Za-z]+", made)
    if unknown:
        raise LearnitError(f"the formula {tex!r} has the unknown command {unknown[0]}: expected one of latex2mathml's")
    return made


def taken_out(markdown: str) -> tuple[str, dict[str, str]]:
    """``markdown`` with a word in the place of each formula, and the formulas by these words.

    So that no Markdown is found in a formula: put them back in what was made of the text (:func:`put_back`).
    """
    found: dict[str, str] = {}

    def word(match: re.Match) -> str:
        if match["code"]:
            return match[0]
        name = f"formula{len(found):04d}x"
        found[name] = mathml(match["block"] or match["inline"], block=bool(match["block"]))
        return name

    return FORMULA.sub(word, markdown), found


def put_back(page: str, found: dict[str, str]) -> str:
    """``page`` with the formulas in the place of their words."""
    return re.sub(r"formula\d{4}x", lambda match: found.get(match[0], match[0]), page)
