"""Messages out on the pages: who is told, how that goes, and what the buttons do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from page_words import row, words
from pages_kit import START, SUBSCRIBERS, House, Visitor, app_of, insert, message_id
from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger

WELL, FAILING = SUBSCRIBERS
FORMS = ({"do": "resume"}, {"do": "again", "id": message_id(1)})


def posts(house: House, endpoint: str) -> list[tuple[int, str, int]]:
    """(message, state, tries) of what goes to one receiver."""
    p = t.post.c
    with house.reading.look() as tx:
        query = sa.select(p.message_id, p.state, p.attempts).where(p.endpoint == endpoint).order_by(p.id)
        return [tuple(r) for r in tx.execute(query)]


def standing(house: House, endpoint: str) -> str:
    with house.reading.look() as tx:
        state: str = tx.scalars(sa.select(t.endpoint.c.state).where(t.endpoint.c.name == endpoint)).one()
        return state


def test_everybody_who_is_told_is_listed_those_in_trouble_first(olga: Visitor) -> None:
    page = olga.get("/receivers").text
    names = re.findall(r'<th scope="row"><a[^>]*href="/receivers/(\w+)"', page)
    assert names == ["warehouse", FAILING, WELL]
    assert row(page, "warehouse") == (
        "warehouse warehouse.example.com contact.stage_changed , conversion.created paused for 3 days "
        "nothing arrived for three days: HTTP 503 2 2 1 4 days ago Resume"
    )
    assert "automations, hooks.zapier.com contact.stage_changed failing for 2 h" in words(page)
    assert "automations, hooks.zapier.com contact.stage_changed active 0 1 0 80 s ago" in words(page)
    assert page.count('value="resume"') == 2


def test_one_receiver_shows_its_latest_messages_and_what_became_of_each(olga: Visitor) -> None:
    page = olga.get("/receivers/warehouse").text
    shown = re.findall(r'<th scope="row" class="id" title="(msg_\w+)"', page)
    assert shown == [message_id(n) for n in (5, 4, 3, 2, 1)]
    for said in (
        "paused for 3 days",
        "2 messages waiting",
        "2 sent",
        "1 dead letters",
        "dead 10",
        "HTTP 503",
        "not kept",
    ):
        assert said in words(page)
    assert page.count('value="again"') == 2  # neither what waits anyway, nor what is kept no more
    failing = words(olga.get(f"/receivers/{FAILING}").text)
    assert "failing 3 in 90 min no connection to hooks.zapier.com" in failing


@pytest.mark.parametrize("path", ["/", "/receivers", "/receivers/warehouse", f"/receivers/{WELL}", "/dead-letters"])
def test_an_address_that_may_be_a_secret_is_on_no_page(olga: Visitor, path: str) -> None:
    assert "very-secret" not in olga.get(path).text


def test_a_paused_receiver_is_resumed_and_what_waits_for_it_is_due(olga: Visitor, house: House) -> None:
    answer = olga.submit("/receivers/warehouse", do="resume")
    assert (answer.status_code, answer.headers["location"]) == (303, "/receivers/warehouse")
    assert standing(house, "warehouse") == "active"
    page = olga.get("/receivers/warehouse").text
    assert "warehouse is sent to again: 2 messages are tried at once." in words(page)
    assert 'value="resume"' not in page
    assert "1 of 3 receivers failing or paused" in words(olga.get("/").text)
    olga.submit(f"/receivers/{FAILING}", do="resume")
    assert posts(house, FAILING) == [(4, "queued", 0)]
    assert "0 of 3 receivers failing or paused" in words(olga.get("/").text)


def test_a_message_is_sent_again_to_this_receiver_and_to_no_other(olga: Visitor, house: House) -> None:
    olga.submit(f"/receivers/{WELL}", do="again", id=message_id(4))
    assert posts(house, WELL) == [(4, "queued", 0)]
    assert posts(house, FAILING) == [(4, "queued", 3)]
    assert f"{message_id(4)} is sent once more, in a moment." in words(olga.get(f"/receivers/{WELL}").text)
    olga.submit("/receivers/warehouse", do="again", id=message_id(1))
    assert posts(house, "warehouse")[0] == (1, "queued", 0)
    assert "once the receiver is resumed" in words(olga.get("/receivers").text)


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("nobody", {"do": "resume"}, "Nobody of that name is told anything"),
        ("nobody", {"do": "again", "id": message_id(1)}, "Nobody of that name is told anything"),
        ("warehouse", {"do": "again", "id": message_id(5)}, "is not kept any more"),
        ("warehouse", {"do": "again", "id": "msg_none'; DROP TABLE post"}, "is not kept any more"),
        ("warehouse", {"do": "again", "id": ""}, "Nothing was changed"),
        ("warehouse", {"do": "delete"}, "Nothing was changed"),
        ("warehouse", {}, "Nothing was changed"),
    ],
)
def test_what_is_not_there_is_said_and_nothing_is_changed(
    olga: Visitor, house: House, name: str, fields: dict[str, str], says: str
) -> None:
    before = posts(house, "warehouse")
    answer = olga.submit(f"/receivers/{name}", **fields)
    assert answer.status_code == 303
    assert says in words(olga.get(answer.headers["location"]).text)
    assert (posts(house, "warehouse"), standing(house, "warehouse")) == (before, "paused")


def test_a_receiver_that_is_told_nothing_any_more_is_no_page(olga: Visitor, house: House) -> None:
    insert(house.reading, t.subscription, {"id": "sub_gone", "connection": "gone", "url": "https://a.example.com", "type": "x",
                                           "key_id": "k", "created": START})  # fmt: skip
    for name in ("nobody", "sub_gone", "²", "x" * 400):
        assert olga.get(f"/receivers/{name}").status_code == 404
    assert "sub_gone" not in olga.get("/receivers").text


@pytest.mark.parametrize(("letter", "table"), [("post:2", t.post), ("hook:1", t.hook)], ids=["a message", "a webhook"])
def test_a_dead_message_and_a_dead_webhook_are_retried_and_discarded_by_the_same_buttons(
    olga: Visitor, house: House, letter: str, table: sa.Table
) -> None:
    def state() -> str | None:
        with house.reading.look() as tx:
            found: str | None = tx.scalar(sa.select(table.c.state).where(table.c.id == int(letter.split(":")[1])))
            return found

    lost = state()
    run = Ledger.open(house.config.ledger)
    with run.lock():  # neither waits for a run
        olga.submit("/dead-letters", id=letter, do="retry")
    run.close()
    assert state() in ("queued", "waiting")
    assert f"{letter} is tried again in a moment." in words(olga.get("/dead-letters").text)
    with house.reading.begin() as tx:
        tx.execute(sa.update(table).values(state=lost))
    olga.submit("/dead-letters", id=letter, do="discard")
    assert state() in (None, "done")
    assert letter not in words(olga.get("/dead-letters").text).replace(f"{letter} is discarded", "")


def test_a_list_that_is_long_shows_those_in_trouble_and_says_that_there_are_more(olga: Visitor, house: House) -> None:
    insert(house.reading, t.subscription,
           *({"id": f"sub_{n:024}", "connection": "automations", "url": f"https://hooks.zapier.com/{n}", "key_id": "k",
              "type": "contact.changed", "created": 0} for n in range(150)))  # fmt: skip
    page = olga.get("/receivers").text
    assert len(re.findall(r'<th scope="row">', page)) == 100
    assert 'href="/receivers/warehouse"' in page
    assert FAILING in page
    assert "The first 100" in words(page)


def test_where_nobody_is_told_anything_that_is_said(tmp_path: Path) -> None:
    house = House(tmp_path)
    olga = Visitor(app_of(house)).log_in(house.key())
    assert "There was nothing to tell yet" in words(olga.get("/receivers/warehouse").text)
    assert "0 of 1 receivers failing or paused" in words(olga.get("/").text)
    house.outlets.standing.clear()
    assert "Nobody is told anything" in words(olga.get("/receivers").text)
    assert "receivers" not in words(olga.get("/").text)
    house.reading.close()


# --- attacks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", FORMS, ids=["resume", "again"])
@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({"origin": "https://evil.example.com"}, None, 403),
        ({"origin": "http://testserver", "sec-fetch-site": "cross-site"}, None, 403),
        ({"origin": "null"}, None, 403),
        ({}, "", 403),
        ({}, "x" * 43, 403),
    ],
    ids=["a foreign origin", "another site", "no origin", "no token", "a wrong token"],
)
def test_nothing_is_sent_or_resumed_for_another_site(
    olga: Visitor, house: House, fields: dict[str, str], headers: dict[str, str], token: str | None, status: int
) -> None:
    before = posts(house, "warehouse")
    sent = {"token": olga.token() if token is None else token, **fields}
    assert olga.post("/receivers/warehouse", data=sent, headers=headers).status_code == status
    assert (posts(house, "warehouse"), standing(house, "warehouse")) == (before, "paused")


@pytest.mark.parametrize("fields", FORMS, ids=["resume", "again"])
def test_nothing_is_sent_or_resumed_without_a_key_or_by_a_link(
    olga: Visitor, house: House, fields: dict[str, str]
) -> None:
    before = posts(house, "warehouse")
    stranger = Visitor(app_of(house)).post("/receivers/warehouse", data={"token": olga.token(), **fields})
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login")
    olga.get("/receivers/warehouse", params={"token": olga.token(), **fields})
    assert (posts(house, "warehouse"), standing(house, "warehouse")) == (before, "paused")
