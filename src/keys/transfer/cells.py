"""Values as cells of a CSV file that a terminal can show and a spreadsheet can open."""

from __future__ import annotations

import json
import unicodedata


def cell(value: object) -> str:
    """The value as one line of text. Lists are separated by spaces, and objects are JSON.

    Control characters are escaped. A leading quote keeps spreadsheets from reading the cell as a formula, also after
    spaces and with a full-width sign.
    """
    if value is None:
        return ""
    text = " ".join(value) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)
    text = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    begins = unicodedata.normalize("NFKC", text).lstrip()
    return f"'{text}" if begins.startswith(("=", "+", "-", "@", "\N{MINUS SIGN}")) else text
