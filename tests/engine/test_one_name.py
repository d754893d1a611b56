"""A platform with one name field beside one that has first and last name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_world import World, world

ADA = "ada@example.com"
ONE_NAME = """
extends: hubspot
contact:
  fields: {first_name: ~, last_name: ~, name: properties.<Full name>}
  unsupported: {name: ~, first_name: one name field, last_name: one name field}
"""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, crm="hubspot", desk="hubspot") as w:
        (tmp_path / "one_name.yaml").write_text(ONE_NAME, "utf-8")
        w.extra["desk"] = {"mapping": "one_name.yaml"}
        w.boxes["crm"].seed([{"email": ADA, "firstname": "Ada", "lastname": "King Lovelace"}])
        w.settle()
        yield w


def test_the_one_name_is_made_of_first_and_last_name_and_never_split_on_its_echo(pair: World) -> None:
    assert pair.in_hubspot("desk")[ADA]["full_name"] == "Ada King Lovelace"
    pair.edit_hubspot("crm", ADA, jobtitle="Countess")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["lastname"] == "King Lovelace"
    pair.edit_hubspot("crm", ADA, firstname="Augusta")
    pair.settle()
    assert pair.in_hubspot("desk")[ADA]["full_name"] == "Augusta King Lovelace"


def test_a_name_that_somebody_changed_there_is_split_once(pair: World) -> None:
    pair.edit_hubspot("desk", ADA, full_name="Ada Byron")
    pair.settle()
    there = pair.in_hubspot("crm")[ADA]
    assert (there["firstname"], there["lastname"]) == ("Ada", "Byron")
    assert pair.in_hubspot("desk")[ADA]["full_name"] == "Ada Byron"


def test_of_two_changes_of_a_name_the_later_one_wins(pair: World) -> None:
    pair.edit_hubspot("crm", ADA, lastname="Noel")
    pair.clock.sleep(30)
    pair.edit_hubspot("desk", ADA, full_name="Ada Byron")
    pair.settle()
    assert pair.in_hubspot("crm")[ADA]["lastname"] == "Byron"


def test_a_person_who_comes_from_the_platform_with_one_name_has_two_elsewhere(pair: World) -> None:
    pair.boxes["desk"].seed([{"email": "grace@example.com", "full_name": "Grace Brewster Hopper"}])
    pair.settle()
    there = pair.in_hubspot("crm")["grace@example.com"]
    assert (there["firstname"], there["lastname"]) == ("Grace Brewster", "Hopper")
