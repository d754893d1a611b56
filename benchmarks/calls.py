"""The fewest requests that a round can take, by the sizes of pages and batches.

With n records in a system before the first sync, c that are created there, and all n to be linked (every record that can
hold our key gets it, so every one is written once):

HubSpot: pages of 100, search pages of 200, batches of 100.

    first sync   ⌈n/100⌉ pages of the list, 1 of the recycle bin
                 1 search before the creates: they wait until the system was read past the moment that a person was first
                   seen elsewhere
                 2 ⌈n/100⌉: each batch is read again (verification), then written
                 2 ⌈c/100⌉: each batch of new people is looked up by address, then written
    second       what was written is read once more, because the platform dates it new:
                 ⌈(n+c)/200⌉ searches for ids, 100 values a batch read
    third        1 search
    all again    ⌈(n+c)/100⌉ pages of the list, 1 of the recycle bin

Salesforce: pages of 2,000, batches of 200, and two objects that hold people, Contact (the n) and Lead (the c).

    first sync   ⌈n/2000⌉ pages of Contacts, 1 of Leads
                 2 queries before the creates
                 3 ⌈n/200⌉: each batch is read again, written, and read back, because an answer to a write holds no record
                 4 ⌈c/200⌉: each batch of new people is looked up in both objects, written and read back;
                   where more than 2,000 are left, 2,500 of them are written by a bulk job instead: opened, filled, closed,
                   asked after, and its three lists of results read
    second       ⌈n/2000⌉ and ⌈c/2000⌉ pages, at least 1 of each
    third        2 queries
    all again    as second

Requests that open an account (login, fields, owners, creating our properties) are counted apart: they do not grow.
"""

from __future__ import annotations

from math import ceil

from people import only_in

BULK_ABOVE = 2000
BULK_JOB = 2500
BULK_CALLS = 7


def first_sync(people: int) -> dict[str, int]:
    held, new = _sizes(people)
    n, c = held["crm"], new["crm"]
    crm = _pages(n, 100) + 1 + 1 + 2 * ceil(n / 100) + 2 * ceil(c / 100)
    n, c = held["sales"], new["sales"]
    sales = _pages(n, 2000) + 1 + 2 + 3 * ceil(n / 200) + 3 * ceil(c / 200) + _written(c)
    return {"crm": crm, "sales": sales}


def echoes(people: int) -> dict[str, int]:
    """The second round."""
    whole, rest = divmod(people, 200)
    return {"crm": whole * 3 + (1 + ceil(rest / 100) if rest else 0), "sales": _both_objects(people)}


def nothing_new(people: int) -> dict[str, int]:
    """The third round."""
    del people
    return {"crm": 1, "sales": 2}


def all_again(people: int) -> dict[str, int]:
    return {"crm": _pages(people, 100) + 1, "sales": _both_objects(people)}


def _written(new: int) -> int:
    if new > BULK_ABOVE:
        return BULK_CALLS + _written(max(0, new - BULK_JOB))
    return ceil(new / 200)


def _sizes(people: int) -> tuple[dict[str, int], dict[str, int]]:
    """(records held before, records to create) by connection."""
    only = only_in(people)
    new = {"crm": only["sales"], "sales": only["crm"]}
    return {name: people - new[name] for name in new}, new


def _both_objects(people: int) -> int:
    held, new = _sizes(people)
    return _pages(held["sales"], 2000) + _pages(new["sales"], 2000)


def _pages(records: int, size: int) -> int:
    """A page is asked for even where there is nothing."""
    return max(1, ceil(records / size))
