"""The invented people of the cassettes. No address is anybody's, and every number is one that is kept for fiction."""

from __future__ import annotations

ADA = {"email": "ada.almond@example.com", "firstname": "Ada", "lastname": "Almond"}
BO = {"email": "bo.birch@example.com", "firstname": "Bo", "lastname": "Birch"}
CY = {"email": "cy.cedar@example.com", "firstname": "Cy", "lastname": "Cedar"}
DEE = {"email": "dee.damson@example.com", "firstname": "Dee", "lastname": "Damson"}
EVE = {"email": "eve.elder@example.com", "firstname": "Eve", "lastname": "O'Elder"}

CAST = (ADA, BO, CY, DEE, EVE)
FURTHER = "ada@example.org"
"""Another address of Ada's."""
ADDRESSES = (*(p["email"] for p in CAST), FURTHER)
COMPANIES = ("Engines Ltd", "O'Neill & Sons")
NAMES = frozenset([*(p[n] for p in CAST for n in ("firstname", "lastname")), "Adeline", "Somebody", *COMPANIES])
PHONE = "+442079460001"


def as_salesforce(person: dict[str, str], **more: object) -> dict[str, object]:
    return {"Email": person["email"], "FirstName": person["firstname"], "LastName": person["lastname"], **more}
