"""What the pages show, and what their buttons do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from page_words import row, words
from pages_kit import START, House, Visitor, app_of, contact, insert, link
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.pages import render

ADA = f"{1:032x}"
PAGES = ("/", "/runs", "/runs/2", "/conflicts", "/dead-letters", "/receivers", "/receivers/warehouse", "/contacts")


def dead_in(house: House) -> list[str]:
    with house.reading.look() as tx:
        return list(
            tx.execute(sa.select(t.outbox.c.code).where(t.outbox.c.state == "dead").order_by(t.outbox.c.id)).scalars()
        )


def test_the_first_page_says_how_every_connection_is(olga: Visitor) -> None:
    page = olga.get("/").text
    assert row(page, "crm") == "crm hubspot both ways ok 3 1 2 4 min ago"
    assert (
        row(page, "sales")
        == "sales salesforce both ways failing no usable answer after 5 tries (HTTP 503) 1 0 2 2 h ago"
    )
    assert row(page, "shop") == "shop webhook read only not run yet 0 0 1 –"
    assert row(page, "warehouse") == "warehouse webhook write only receiver 0 0 1 –"
    for figure in (
        "3 conflicts for a person",
        "6 dead letters",
        "1 records to be written",
        "0 webhooks to be worked on",
        "2 of 3 receivers failing or paused",
    ):
        assert figure in words(page)
    assert "sync stopped by a guard" in words(page)


def test_a_connection_that_cannot_be_opened_now_is_failing(olga: Visitor, house: House) -> None:
    house.ails = ["crm: SB-AUTH: the token was refused"]
    assert "failing SB-AUTH: the token was refused" in row(olga.get("/").text, "crm")


def test_a_connection_is_well_again_after_a_run_that_went_well(olga: Visitor, house: House) -> None:
    good = '{"connections": {"sales": {"read": {}, "written": {}, "failure": null}}}'
    insert(
        house.reading,
        t.run,
        {"command": "sync", "started": START, "finished": START, "state": "ok", "counts": good, "error": None},
    )
    assert " ok " in row(olga.get("/").text, "sales")


def test_runs_are_listed_page_by_page_and_each_says_what_it_did(olga: Visitor, house: House) -> None:
    run = {"command": "plan", "started": START, "finished": None, "state": "running", "counts": "{}", "error": None}
    insert(house.reading, t.run, *[run] * 130)
    first = olga.get("/runs").text
    [older] = re.findall(r'href="(/runs\?before=\d+)"', first)
    assert len(re.findall(r'href="/runs/\d+"', first)) == 100
    assert len(re.findall(r'href="/runs/\d+"', olga.get(older).text)) == 34
    one = words(olga.get("/runs/2").text)
    assert "created 2, updated 5, parked 1, rejected 1, calls (write 3)" in one
    assert "sales : no usable answer" in one
    assert "sent 3" in words(olga.get("/runs/3").text)
    assert "allows 500" in words(olga.get("/runs/4").text)
    assert "It is at work" in words(olga.get("/runs/5").text)
    for nothing in ("/runs/999999", "/runs/x", "/runs/²", "/runs/" + "9" * 400, "/runs/-1"):
        answer = olga.get(nothing)
        assert answer.status_code == 404
        assert "There is no such page" in words(answer.text)
        assert 'href="/conflicts"' in answer.text  # and where to go on from it
    assert olga.get("/runs?before=x").status_code == 200


def test_conflicts_say_what_is_wrong_in_words_and_how_to_settle_it(olga: Visitor) -> None:
    page = words(olga.get("/conflicts").text)
    assert "3 open" in page
    assert "A second record of somebody who has one there" in page
    assert "of: 502, by: email" in page
    assert "stagebridge conflicts resolve ID" in page


def test_a_dead_letter_is_retried(olga: Visitor, house: House) -> None:
    answer = olga.submit("/dead-letters", id="1", do="retry")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dead-letters")
    page = olga.get("/dead-letters")
    assert "1 is tried again by the next sync." in words(page.text)
    assert dead_in(house) == ["SB-RETRIES"]
    assert "is tried again" not in olga.get("/dead-letters").text  # said once


def test_a_dead_letter_is_discarded_and_can_still_be_retried(olga: Visitor, house: House) -> None:
    olga.submit("/dead-letters", id="1", do="discard")
    assert dead_in(house) == ["SB-DISCARDED", "SB-RETRIES"]
    page = olga.get("/dead-letters").text
    assert "discarded" in row(page, "1")
    assert "Discard" not in row(page, "1")
    assert "Retry" in row(page, "1")
    assert "5 dead letters" in words(olga.get("/").text)


def test_a_refused_value_and_an_event_are_retried_by_the_same_button(olga: Visitor, house: House) -> None:
    olga.submit("/dead-letters", id="2:phone", do="retry")
    olga.submit("/dead-letters", id="e1", do="retry")
    with house.reading.look() as tx:
        assert tx.scalar(sa.select(t.link.c.blocked).where(t.link.c.id == 2)) == "{}"
        assert tx.scalar(sa.select(t.delivery.c.state)) == "queued"


@pytest.mark.parametrize(
    "which", ["99", "e99", "2:email", "", "x", "²", "9" * 30, "1; DROP TABLE outbox", "1:" + "x" * 9000]
)
def test_a_dead_letter_that_is_not_there_is_said_to_be_gone(olga: Visitor, house: House, which: str) -> None:
    assert olga.submit("/dead-letters", id=which, do="retry").status_code == 303
    assert "is not there any more" in words(olga.get("/dead-letters").text)
    assert len(dead_in(house)) == 2


def test_while_a_run_is_at_work_nothing_is_changed_and_that_is_said(
    olga: Visitor, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagebridge.pages.views.PATIENCE", 0.0)
    run = Ledger.open(house.config.ledger)
    with run.lock():
        assert olga.submit("/dead-letters", id="1", do="retry").status_code == 303
        page = words(olga.get("/dead-letters").text)
        assert "A run is at work on the ledger. Nothing was changed" in page
        assert len(dead_in(house)) == 2
    run.close()
    olga.submit("/dead-letters", id="1", do="retry")
    assert len(dead_in(house)) == 1


def test_pages_are_shown_while_somebody_writes(olga: Visitor, house: House) -> None:
    run = Ledger.open(house.config.ledger)
    with run.lock(), run.begin() as tx:
        tx.execute(sa.insert(t.meta).values(name="a", value="b"))
        for path in (*PAGES, f"/contacts/{ADA}"):
            assert olga.get(path).status_code == 200, path
    run.close()


def test_somebody_is_found_by_address_without_it_getting_into_a_url(olga: Visitor) -> None:
    answer = olga.submit("/contacts", who=" ADA@example.com ")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/contacts/{ADA}")
    page = words(olga.get(f"/contacts/{ADA}").text)
    for word in (
        "Ada Lovelace",
        "ada@example.com crm contacts r1",
        "in step",
        "customer",
        "purchase",
        "Analyst Countess accepted by latest",
    ):
        assert word in page
    assert olga.submit("/contacts", who=ADA).headers["location"] == f"/contacts/{ADA}"
    assert olga.get("/contacts/ada@example.com").headers["location"] == f"/contacts/{ADA}"


def test_who_is_not_there_is_said_in_words(olga: Visitor) -> None:
    answer = olga.submit("/contacts", who="nobody@example.com")
    assert answer.status_code == 404
    assert "The ledger knows nobody by nobody@example.com" in words(answer.text)
    assert olga.get("/contacts/nobody").status_code == 404


def test_a_contact_that_was_merged_leads_to_the_one_it_went_into(olga: Visitor, house: House) -> None:
    insert(house.reading, t.contact, {**contact(7), "merged_into": 1})
    assert olga.get(f"/contacts/{7:032x}").headers["location"] == f"/contacts/{ADA}"


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "a/b", "//evil.example.com", "javascript:alert(1)", "a?b#c", "100%", "<b>", "é"]
)
def test_a_key_that_some_platform_made_up_is_a_link_like_any_other(olga: Visitor, house: House, key: str) -> None:
    insert(house.reading, t.contact, {**contact(8), "key": key})
    insert(house.reading, t.identity, {"kind": "email", "value": "person8@example.com", "contact_id": 8})
    insert(
        house.reading,
        t.link,
        {**link(8, 8, "crm"), "blocked": '{"city": {"kind": "parked", "code": "X", "message": "y"}}'},
    )
    where = olga.submit("/contacts", who="person8@example.com").headers["location"]
    assert where.startswith("/contacts/")
    assert "Given8" in olga.get(where).text
    assert f'href="{where}"' in olga.get("/dead-letters").text


def test_an_empty_ledger_says_what_to_do_next(tmp_path: Path) -> None:
    house = House(tmp_path)
    olga = Visitor(app_of(house)).log_in(house.key())
    assert "stagebridge plan" in words(olga.get("/").text)
    assert "stagebridge sync" in words(olga.get("/runs").text)
    assert "Nothing waits for a person" in words(olga.get("/conflicts").text)
    assert "Every platform took what it was given" in words(olga.get("/dead-letters").text)
    house.reading.close()


def test_what_goes_wrong_is_said_in_words_without_what_is_nobodys_business(
    house: House, olga: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("ada@example.com")

    monkeypatch.setattr("stagebridge.pages.views.overview", broken)
    answer = olga.get("/")
    assert (answer.status_code, "defect" in answer.text, "ada@" in answer.text) == (500, True, False)
    house.ready = False
    answer = olga.get("/runs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "stagebridge is starting" in words(answer.text)


@pytest.mark.parametrize("path", [*PAGES, f"/contacts/{ADA}", "/login"])
def test_a_page_is_well_formed_for_people_who_cannot_see_it(olga: Visitor, house: House, path: str) -> None:
    who = Visitor(app_of(house)) if path == "/login" else olga
    page = who.get(path).text
    assert '<html lang="en">' in page
    assert len(re.findall(r"<h1[ >]", page)) == 1
    assert page.count("<table>") == page.count("<caption>")
    assert all("scope=" in th for th in re.findall(r"<th[ >][^>]*", page.replace("<thead>", "")))
    for tag in re.findall(r"<img[^>]*>", page):
        assert "alt=" in tag
    for id in re.findall(r'<label for="(\w+)"', page):
        assert f'id="{id}"' in page
    for banned in ("<script", "style=", " onclick", "javascript:", "http://", "https://"):
        assert banned not in page


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    """As WCAG 2.2 has it."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_ground_it_stands_on(scheme: str) -> None:
    palettes = re.findall(r":root \{(.*?)\}", render.STATIC["style.css"].decode(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", palettes[0 if scheme == "light" else 1]))
    for text in ("text", "muted", "accent", "ok", "warn", "bad"):
        for ground in ("ground", "surface", "raised"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for text, ground in (
        ("on-accent", "accent"),
        ("text", "bad-ground"),
        ("muted", "bad-ground"),
        ("text", "note-ground"),
    ):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
