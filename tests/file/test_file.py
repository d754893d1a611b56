"""The file connector: what it reads, what it puts aside, and what the file holds after it wrote."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stagebridge_file import File

from stagebridge.clock import ManualClock
from stagebridge.connector import Done, Entry, Gone, Page, Record, Rejected, Retry
from stagebridge.errors import ConfigError
from stagebridge.mapping import load_mapping

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
Make = Callable[..., File]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A connector on a file with these bytes."""

    def made(content: str | bytes, name: str = "people.csv", mapping: str = "file", **settings: Any) -> File:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        file = File(path=path, clock=ManualClock(NOW), **settings)
        file.use(load_mapping(mapping, timezone="Europe/Berlin"))
        return file

    return made


def records(file: File, since: Any = None) -> list[Record]:
    return [r for page in file.read("contacts", since) for r in page.records]


def last(file: File, since: Any = None) -> Page:
    return list(file.read("contacts", since))[-1]


def rejects(file: File) -> list[dict[str, str]]:
    path = file.path.with_suffix(".rejects.csv")
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as sheet:
        return list(csv.DictReader(sheet))


def update(file: File, id_: str, values: dict[str, Any]) -> Entry:
    record = file.fetch("contacts", [id_])[id_]
    assert file.mapping is not None
    return Entry("contacts", dict(file.mapping.write(values, onto=record.data)), id_, record.data, "k")


def create(file: File, values: dict[str, Any]) -> Entry:
    assert file.mapping is not None
    return Entry("contacts", dict(file.mapping.write(values)), key="key-1", email=values.get("email"))


# --- reading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [
    b"email,first_name\nada@example.com,Zo\xc3\xab\n",
    b"\xef\xbb\xbfemail,first_name\r\nada@example.com,Zo\xc3\xab\r\n",
    "email;first_name\nada@example.com;Zoë\n".encode(),
    "email\tfirst_name\nada@example.com\tZoë\n".encode(),
    'email,first_name\n"ada@example.com","Zoë"\n\n'.encode(),
])  # fmt: skip
def test_a_file_is_read_as_people_save_it(make: Make, content: bytes) -> None:
    [record] = records(make(content))
    assert (record.id, record.data) == ("ada@example.com", {"email": "ada@example.com", "first_name": "Zoë"})


def test_an_encoding_is_a_setting_and_a_wrong_one_is_refused(make: Make) -> None:
    content = "email,first_name\nada@example.com,Zoë\n".encode("cp1252")
    assert records(make(content, encoding="cp1252"))[0].data["first_name"] == "Zoë"
    with pytest.raises(ConfigError, match="no encoding is called 'latin-99'"):
        records(make(content, encoding="latin-99"))


def test_a_line_break_within_quotes_is_part_of_the_value(make: Make) -> None:
    file = make('email,company\nada@example.com,"Engines\nLtd"\nbob@example.com,Plain\n')
    assert [r.data["company"] for r in records(file)] == ["Engines\nLtd", "Plain"]


def test_jsonl_is_read_line_by_line(make: Make) -> None:
    file = make('{"email": "ada@example.com", "first_name": "Ada"}\n\n{"email": "bob@example.com"}\n', "people.jsonl")
    assert [r.id for r in records(file)] == ["ada@example.com", "bob@example.com"]


def test_bad_rows_are_put_aside_with_line_and_reason_and_the_rest_goes_on(make: Make) -> None:
    file = make(
        b"email,first_name\n"
        b"ada@example.com,Ada\n"
        b"too,many,columns\n"
        b",Nobody\n"
        b"ada@example.com,Again\n"
        b"zoe@example.com,Zo\xeb\n"
        b"bob@example.com,Bob\n"
    )
    assert [r.id for r in records(file)] == ["ada@example.com", "bob@example.com"]
    assert [(r["line"], r["reason"]) for r in rejects(file)] == [
        ("3", "3 columns, and the file has 2 headings"),
        ("4", "nothing stands under 'email', which tells rows apart"),
        ("5", "the same 'email' as line 2"),
        ("6", "bytes that are not in the file's encoding"),
    ]
    assert rejects(file)[0]["row"] == "too,many,columns"
    assert file.path.with_suffix(".rejects.csv").stat().st_mode & 0o777 == 0o600


def test_bad_lines_of_jsonl_are_put_aside_too(make: Make) -> None:
    file = make(b'{"email": "ada@example.com"}\nnot json\n[1]\n{"email": "\xff"}\n', "people.jsonl")
    assert [r.id for r in records(file)] == ["ada@example.com"]
    assert [(r["line"], r["reason"]) for r in rejects(file)] == [
        ("2", "no JSON in utf-8"), ("3", "no JSON object"), ("4", "no JSON in utf-8")
    ]  # fmt: skip


def test_a_row_with_one_bad_value_is_taken_without_it_and_listed(make: Make) -> None:
    file = make("id,email,phone\n1,ada@,0170 1234567\n", id="id")
    [record] = records(file)
    assert file.mapping is not None
    assert dict(file.mapping.read(record.data)) == {}
    reasons = [r["reason"] for r in rejects(file)]
    assert [r.partition(":")[0] for r in reasons] == ["email", "phone"]
    assert "default_region" in reasons[1]
    assert all(r.endswith("the row was taken without it") for r in reasons)


def test_the_rejects_of_the_last_read_do_not_stay(make: Make) -> None:
    file = make("email\n\x00,\n")
    records(file)
    assert rejects(file)
    file.path.write_text("email\nada@example.com\n")
    records(file)
    assert rejects(file) == []


def test_a_file_that_did_not_change_is_not_read_again(make: Make) -> None:
    file = make("email\n" + "".join(f"p{i}@example.com\n" for i in range(1200)))
    pages = list(file.read("contacts"))
    assert [len(p.records) for p in pages] == [500, 500, 200]
    assert [p.covered for p in pages] == [None, None, NOW]
    assert records(file, pages[-1].cursor) == []
    assert [r.id for r in records(file, pages[0].cursor)] == [f"p{i}@example.com" for i in range(500, 1200)]
    file.path.write_text("email\nnew@example.com\n")
    assert [r.id for r in records(file, pages[0].cursor)] == ["new@example.com"]


def test_what_is_missing_is_said_with_what_is_there(make: Make, tmp_path: Path) -> None:
    file = make("mail,name\nada@example.com,Ada\n")
    assert "has no heading 'email'" in file.check().problems[0]
    assert "it has mail, name" in file.check().problems[0]
    assert make("email,shoe_size\n").check().warnings == ("the mapping does not read shoe_size",)
    with pytest.raises(ConfigError, match="the heading 'email' is there twice"):
        records(make("email,email\n"))
    with pytest.raises(ConfigError, match="No such file"):
        File(path=tmp_path / "nowhere.csv").check()


# --- writing --------------------------------------------------------------------------------------------------

UNTIDY = 'email,first_name,note\r\n"ada@example.com",Ada,"said ""hi"""\r\nbad row\r\nbob@example.com,Bob,\r\n'


def test_a_row_that_is_not_written_stays_byte_for_byte(make: Make) -> None:
    file = make(UNTIDY)
    [outcome] = file.write([update(file, "bob@example.com", {"first_name": "Robert"})])
    assert isinstance(outcome, Done)
    assert outcome.record is not None
    assert outcome.record.data["first_name"] == "Robert"
    assert file.path.read_bytes().decode() == UNTIDY.replace("Bob,", "Robert,")


def test_new_people_are_added_at_the_end(make: Make) -> None:
    file = make("email,first_name,company\nada@example.com,Ada,\n")
    file.find("contacts", "email", ["bob@example.com"])
    [outcome] = file.write([create(file, {"email": "bob@example.com", "first_name": "Bob", "company": "A, B"})])
    assert isinstance(outcome, Done)
    assert outcome.remote_id == "bob@example.com"
    assert file.path.read_text() == 'email,first_name,company\nada@example.com,Ada,\nbob@example.com,Bob,"A, B"\n'


def test_our_key_gets_a_heading_on_request_and_what_else_is_missing_is_left_out(make: Make) -> None:
    file = make("email,first_name\nbad\nada@example.com,Ada\n")
    mapping = load_mapping("file", facts=file.discover().facts, lenient=True)
    assert (mapping.field("company"), mapping.field("address.city"), mapping.field("external_id")) == (None, None, None)
    assert file.provision(mapping.missing()) == ["heading 'stagebridge_id'"]
    assert file.path.read_text() == "email,first_name\nbad\nada@example.com,Ada\n"
    file.provision(mapping.missing(), dry_run=False)
    assert file.path.read_text() == "email,first_name,stagebridge_id\nbad\nada@example.com,Ada,\n"
    assert load_mapping("file", facts=file.discover().facts, lenient=True).field("external_id") == "stagebridge_id"


def test_a_value_is_cleared_and_not_left_standing(make: Make) -> None:
    file = make("email,phone\nada@example.com,+442079460001\n")
    file.write([update(file, "ada@example.com", {"phone": None})])
    assert file.path.read_text() == "email,phone\nada@example.com,\n"


def test_jsonl_keeps_what_it_is_not_told_to_change(make: Make) -> None:
    file = make('{"email": "ada@example.com", "shoe":  41}\n{"email": "bob@example.com"}\n', "people.jsonl")
    file.write([update(file, "bob@example.com", {"first_name": "Bob"})])
    assert file.path.read_text().splitlines() == [
        '{"email": "ada@example.com", "shoe":  41}', '{"email":"bob@example.com","first_name":"Bob"}'
    ]  # fmt: skip


def test_nothing_is_written_over_somebody_who_changes_the_file_meanwhile(make: Make) -> None:
    file = make("email,first_name\nada@example.com,Ada\n")
    entry = update(file, "ada@example.com", {"first_name": "Augusta"})
    file.path.write_text("email,first_name\nada@example.com,Countess\n")
    assert [type(o) for o in file.write([entry])] == [Retry]
    assert file.path.read_text() == "email,first_name\nada@example.com,Countess\n"


def test_every_row_has_its_own_outcome(make: Make) -> None:
    file = make("email,first_name\nada@example.com,Ada\nbob@example.com,Bob\n".encode("cp1252"), encoding="cp1252")
    entries = [
        update(file, "ada@example.com", {"first_name": "李"}), update(file, "bob@example.com", {"first_name": "Zoë"}),
        Entry("contacts", {"first_name": "x"}, "gone@example.com"),
    ]  # fmt: skip
    refused, done, gone = file.write(entries)
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.fields) == ("SB-FILE-ENCODING", ("first_name",))
    assert isinstance(done, Done)
    assert gone == Gone()
    assert file.path.read_bytes().decode("cp1252") == "email,first_name\nada@example.com,Ada\nbob@example.com,Zoë\n"


def test_what_tells_rows_apart_is_refused_and_the_rest_of_the_row_is_written(make: Make) -> None:
    file = make("email,first_name\nada@example.com,Ada\n")
    [outcome] = file.write([update(file, "ada@example.com", {"email": "new@example.com", "first_name": "Augusta"})])
    assert isinstance(outcome, Done)
    assert [(r.field, r.code) for r in outcome.refused] == [("email", "SB-FILE-ID")]
    assert file.path.read_text() == "email,first_name\nada@example.com,Augusta\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make("email,first_name\nada@example.com,Ada\n")
    entry = update(file, "ada@example.com", {"first_name": "Augusta"})
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    with pytest.raises(OSError, match="no room"):
        file.write([entry])
    assert [p.name for p in file.path.parent.iterdir()] == ["people.csv"]
    assert file.path.read_text() == "email,first_name\nada@example.com,Ada\n"


def test_permissions_stay_and_an_erased_person_leaves_the_file(make: Make) -> None:
    file = make(UNTIDY)
    file.path.chmod(0o640)
    file.erase("contacts", "ada@example.com", "ada@example.com")
    assert file.path.read_text() == "email,first_name,note\nbad row\nbob@example.com,Bob,\n"
    assert file.path.stat().st_mode & 0o777 == 0o640
