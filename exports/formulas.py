"""Keeps spreadsheets from taking texts of a tenant for formulas.

Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

# the wide forms count as formulas in East Asian editions of Excel
_OPENERS = tuple("=+-@＝＋－＠")
_BREAKERS = ("\t", "\r", "\n")


def may_run(text: str) -> bool:
    """Whether a spreadsheet could run the text: it opens like a formula, blanks aside."""
    return text.startswith(_BREAKERS) or text.lstrip().startswith(_OPENERS)


def defused(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet could run it."""
    return f"'{text}" if may_run(text) else text
