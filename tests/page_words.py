"""What a person reads on a page."""

from __future__ import annotations

import re
from html import unescape


def words(html: str) -> str:
    """What a person reads: tags left out, white space as one."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))).strip()


def row(html: str, heading: str) -> str:
    """The words of the table row with this heading."""
    rows = [words(r) for r in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if 'scope="row"' in r]
    [found] = [r for r in rows if r.split(" ")[0] == heading]
    return found
