"""States of the US and provinces of Canada: {country: {name in lower case letters: code}}. Nowhere else has Meta codes."""

from __future__ import annotations

from collections.abc import Mapping

_US = """
al Alabama, ak Alaska, az Arizona, ar Arkansas, ca California, co Colorado, ct Connecticut, de Delaware,
dc District of Columbia, fl Florida, ga Georgia, hi Hawaii, id Idaho, il Illinois, in Indiana, ia Iowa, ks Kansas,
ky Kentucky, la Louisiana, me Maine, md Maryland, ma Massachusetts, mi Michigan, mn Minnesota, ms Mississippi, mo Missouri,
mt Montana, ne Nebraska, nv Nevada, nh New Hampshire, nj New Jersey, nm New Mexico, ny New York, nc North Carolina,
nd North Dakota, oh Ohio, ok Oklahoma, or Oregon, pa Pennsylvania, pr Puerto Rico, ri Rhode Island, sc South Carolina,
sd South Dakota, tn Tennessee, tx Texas, ut Utah, vt Vermont, va Virginia, wa Washington, wv West Virginia, wi Wisconsin,
wy Wyoming
"""
_CA = """
ab Alberta, bc British Columbia, mb Manitoba, nb New Brunswick, nl Newfoundland and Labrador, nt Northwest Territories,
ns Nova Scotia, nu Nunavut, on Ontario, pe Prince Edward Island, qc Quebec, qc Québec, sk Saskatchewan, yt Yukon
"""


def _table(text: str) -> dict[str, str]:
    rows = (row.split(maxsplit=1) for row in text.replace("\n", " ").split(","))
    return {name.replace(" ", "").strip().lower(): code for code, name in rows}


REGIONS: Mapping[str, Mapping[str, str]] = {"US": _table(_US), "CA": _table(_CA)}

__all__ = ["REGIONS"]
