"""`segments`: a platform's tags follow the stage, so that its broadcasts can aim at one."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine_world import World, world
from stagebridge.errors import ConfigError

ADA = "ada@example.com"


@contextmanager
def listed(folder: Path, **options: object) -> Iterator[World]:
    """Ada, a lead, in a HubSpot and in a file whose tags follow the stage."""
    with world(folder, crm="hubspot") as w:
        w.files = {"list": {"type": "file", "path": str(folder / "list.csv"), **options}}
        w.contacts = {"initial": {"prefer": "crm"}}
        (folder / "list.csv").write_text("email,lifecycle_stage,tags\nada@example.com,lead,vip;red\n", "utf-8")
        w.boxes["crm"].seed([{"email": ADA, "lastname": "Lovelace", "lifecyclestage": "lead"}])
        w.settle()
        yield w


def tags(w: World) -> list[str]:
    with (w.folder / "list.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    return row["tags"].split(";")


def test_every_contact_carries_the_tag_of_his_stage_and_his_own(tmp_path: Path) -> None:
    with listed(tmp_path, segments="true") as w:
        assert tags(w) == ["vip", "red", "stage: lead"]
        w.edit_hubspot("crm", ADA, lifecyclestage="customer")
        w.settle()
        assert tags(w) == ["vip", "red", "stage: customer"]


def test_a_tag_that_somebody_took_away_comes_back_and_his_own_do_not(tmp_path: Path) -> None:
    with listed(tmp_path, segments="in ") as w:
        assert tags(w) == ["vip", "red", "in lead"]
        path = w.folder / "list.csv"
        path.write_text(path.read_text("utf-8").replace("vip;red;in lead", "red"), "utf-8")
        w.settle()
        assert tags(w) == ["red", "in lead"]


def test_segments_that_are_asked_for_later_reach_everybody_without_an_edit(tmp_path: Path) -> None:
    with listed(tmp_path) as w:
        assert tags(w) == ["vip", "red"]
        w.files["list"]["segments"] = "true"
        w.settle()
        assert tags(w) == ["vip", "red", "stage: lead"]


def test_segments_are_refused_in_words(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"connections\.list\.segments: one word or text is expected here"),
        listed(tmp_path, segments=["a"]),
    ):
        pass
