"""Events out of files: what a row means, and a sentence for every row that is none."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from stagebridge.delivery.files import Wrong, events_in
from stagebridge.errors import ConfigError
from stagebridge.event import ConversionEvent


def read(tmp_path: Path, name: str, text: str, region: str | None = None) -> list[ConversionEvent | Wrong]:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return list(events_in(path, region))


def test_a_csv_has_one_event_a_row(tmp_path: Path) -> None:
    head = "id;name;at;contact.email;contact.phone;value;currency;channel;source_url;click_ids.fbc;custom.plan\n"
    row = "o-1;Purchase;2026-11-26T10:00:00+01:00;Ada@Example.com;020 7946 0001;30.50;EUR;web;https://x.example.com/;fb.1.2.Ab;pro\n"
    [event] = read(tmp_path, "e.csv", "\ufeff" + head + row + "\n", "GB")
    assert isinstance(event, ConversionEvent)
    assert (event.id, event.name, event.value, event.currency) == ("o-1", "Purchase", Decimal("30.50"), "EUR")
    assert event.at.isoformat() == "2026-11-26T09:00:00+00:00"
    assert (event.contact.email, event.contact.phone) == ("ada@example.com", "+442079460001")
    assert (event.click_ids, event.custom, event.channel) == ({"fbc": "fb.1.2.Ab"}, {"plan": "pro"}, "web")


def test_a_line_of_jsonl_may_have_tables_and_items(tmp_path: Path) -> None:
    row = {
        "id": "o-2", "name": "Purchase", "at": "2026-11-26T10:00:00Z", "value": 2, "currency": "EUR",
        "contact": {"email": "ada@example.com", "address": {"city": "London"}}, "click_ids": {"fbp": "fb.1.2.3"},
        "custom": {"cart": {"kind": "gift"}}, "items": [{"id": "sku", "quantity": 2, "price": "1.00"}],
    }  # fmt: skip
    [event] = read(tmp_path, "e.jsonl", json.dumps(row) + "\n\n")
    assert isinstance(event, ConversionEvent)
    assert event.contact.address.city == "London"
    assert (event.items[0].quantity, event.custom, event.click_ids) == (
        2,
        {"cart": {"kind": "gift"}},
        {"fbp": "fb.1.2.3"},
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"value": "-1"}, "value: Input should be greater than or equal to 0"),
        ({"value": "NaN"}, "value: Input should be a finite number"),
        ({"currency": None}, "value and currency come together"),
        ({"currency": "Euro"}, "currency: String should match"),
        ({"at": "2026-11-26T10:00:00"}, "at: "),
        ({"at": "soon"}, "at: "),
        ({"id": None}, "id: Field required"),
        ({"contact.phone": "020 7946 0001"}, "contact.phone: a national number"),
        ({"contact.email": "nobody"}, "email: "),
        ({"email": "ada@example.com"}, "an event has no path 'email'; write contact.email"),
        ({"curency": "EUR"}, r"an event has no path 'curency' \(nearest: currency\)"),
        ({"channel": "pigeon"}, "channel: "),
    ],
)
def test_a_row_that_is_no_event_says_why_and_the_others_go_on(
    tmp_path: Path, changes: dict[str, str | None], why: str
) -> None:
    good = {"id": "o-1", "name": "Purchase", "at": "2026-11-26T10:00:00Z", "value": "1", "currency": "EUR"}
    bad = {k: v for k, v in {**good, **changes}.items() if v is not None}
    found = read(tmp_path, "e.jsonl", "\n".join(json.dumps(r) for r in (good, bad, {**good, "id": "o-2"})))
    assert [isinstance(f, ConversionEvent) for f in found] == [True, False, True]
    wrong = found[1]
    assert isinstance(wrong, Wrong)
    assert wrong.line == 2
    assert re.search(why, wrong.why), wrong.why


def test_rows_that_are_not_even_rows_are_named_too(tmp_path: Path) -> None:
    found = read(tmp_path, "e.csv", "id,name,at\no-1,Lead\n")
    assert found == [Wrong(2, "2 columns, and the file has 3 headings")]
    assert [w.line for w in read(tmp_path, "e.jsonl", "{\n[1]\n") if isinstance(w, Wrong)] == [1, 2]


def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv"):
        list(events_in(tmp_path / "none.csv"))
    (tmp_path / "latin.csv").write_bytes("id,name,at\n1,Käufer,x\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="utf-8"):
        list(events_in(tmp_path / "latin.csv"))
