"""The invented people: 90 of 100 are in both systems, spelt differently, 5 only in the one and 5 only in the other."""

from __future__ import annotations


def person(i: int) -> dict[str, str]:
    return {
        "email": f"person{i}@example.com",
        "first": f"Given{i}",
        "last": f"Family{i}",
        "phone": f"+4420{70000000 + i}",
    }


def for_hubspot(i: int) -> dict[str, str]:
    p = person(i)
    return {
        "email": p["email"], "firstname": p["first"], "lastname": p["last"], "phone": p["phone"],
        "lifecyclestage": "lead", "company": "Example",
    }  # fmt: skip


def for_salesforce(i: int) -> dict[str, str]:
    p = person(i)
    return {
        "Email": p["email"].title(), "FirstName": p["first"], "LastName": p["last"].upper(), "Phone": p["phone"],
        "Lifecycle_Stage__c": "lead",
    }  # fmt: skip


def only_in(people: int) -> dict[str, int]:
    """How many of them are in one system alone, by its connection's name."""
    return {"crm": len(range(1, people, 20)), "sales": len(range(0, people, 20))}
