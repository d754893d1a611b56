"""From an export into a CRM with one command, and both ways between a file and a CRM."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_world import World, world

EXPORT = """\
Record ID,First Name,Last Name,Email,Phone Number,Lifecycle Stage,Lead Status,Contact owner,Create Date,Favourite colour
101,Ada,Lovelace,ADA@example.com,020 7946 0001,Customer,,Olga Owner,2026-01-02 10:00,green
102,Bob,Babbage,bob@example.com,,Marketing Qualified Lead,,,2026-01-03 11:30,
103,Nobody,,not an address,12,Lead,,,,
104,Eve,,eve@example.com,,No such stage,,,,,too many
"""
LOADER = """\
"ID","FIRSTNAME","LASTNAME","EMAIL","HASOPTEDOUTOFEMAIL","LIFECYCLE_STAGE__C","SYSTEMMODSTAMP"
"003000000000001AAA","Ada","Lovelace","ada@example.com","true","customer","2026-01-02T03:04:05.000+0000"
"003000000000002AAA","Bob","Babbage","bob@example.com","false","","2026-01-02T03:04:05.000+0000"
"""


@pytest.fixture
def sales(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, sales="salesforce") as w:
        yield w


def connect(w: World, name: str, content: str, **settings: Any) -> Path:
    """A file as a connection of this world."""
    path = w.folder / f"{name}.csv"
    path.write_text(content, "utf-8")
    w.files[name] = {"type": "file", "path": path.name, "default_region": "GB", **settings}
    return path


def test_a_hubspot_export_arrives_in_salesforce_and_the_same_command_again_writes_nothing(sales: World) -> None:
    connect(sales, "export", EXPORT, mapping="hubspot_export", mode="read", timezone="Europe/Berlin")
    sales.boxes["sales"].seed({"Contact": [{"LastName": "Lovelace", "Email": "ada@example.com"}]})
    sales.sync()
    ada = sales.in_salesforce("sales")["ada@example.com"]
    assert (ada["FirstName"], ada["Phone"], ada["Lifecycle_Stage__c"]) == ("Ada", "+442079460001", "customer")
    leads = {x["LastName"]: x for x in sales.boxes["sales"].state()["Lead"]}
    assert leads["Babbage"]["Lifecycle_Stage__c"] == "marketing_qualified"
    rejected = (sales.folder / "export.rejects.csv").read_text("utf-8")
    assert "11 columns, and the file has 10 headings" in rejected
    assert "email: " in rejected
    assert sales.sync().writes == 0
    assert (sales.folder / "export.csv").read_text("utf-8") == EXPORT


def test_a_data_loader_export_is_read_as_it_comes(sales: World) -> None:
    connect(sales, "loader", LOADER, mapping="salesforce_export", mode="read")
    sales.contacts = {"guards": {"max_opt_outs": 5, "max_creates": "off"}, "create": {"sales": "lead"}}
    sales.sync()
    leads = {x["Email"]: x for x in sales.boxes["sales"].state()["Lead"]}
    assert (leads["ada@example.com"]["HasOptedOutOfEmail"], leads["ada@example.com"]["Lifecycle_Stage__c"]) == (
        True, "customer",
    )  # fmt: skip
    assert leads["bob@example.com"]["HasOptedOutOfEmail"] is False


def test_a_file_and_a_crm_are_kept_in_step_both_ways(sales: World) -> None:
    path = connect(sales, "list", "email,first_name,last_name,company,job_title\nada@example.com,Ada,Lovelace,,\n")
    sales.boxes["sales"].seed({"Lead": [{"LastName": "Hopper", "Company": "Navy", "Email": "grace@example.com"}]})
    sales.settle()
    lines = path.read_text("utf-8").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["email", "ada@example.com", "grace@example.com"]
    assert "Navy" in lines[2]
    sales.edit_salesforce("sales", "ada@example.com", "Lead", Title="Countess")
    path.write_text(path.read_text("utf-8").replace("Hopper", "Brewster Hopper"), "utf-8")
    sales.settle()
    assert "Countess" in path.read_text("utf-8").splitlines()[1]
    assert sales.in_salesforce("sales", "Lead")["grace@example.com"]["LastName"] == "Brewster Hopper"


CHILD = """
import resource, sys
from stagebridge.mapping import load_mapping
from stagebridge_file import File
file = File(path=sys.argv[1])
file.use(load_mapping("file"))
pages = file.read("contacts")
next(pages)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = 500 + sum(len(p.records) for p in pages)
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.soak
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    with path.open("w") as file:
        file.write("email,first_name,company\n")
        for i in range(300_000):
            file.write(f"person{i}@example.com,Given{i},{'x' * 100}\n")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True, env=os.environ
    )
    count, grown = map(int, done.stdout.split())
    assert count == 300_000
    assert path.stat().st_size > 35_000_000
    assert grown <= 10, f"{grown} MB"
