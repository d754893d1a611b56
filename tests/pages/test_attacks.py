"""Everything that a stranger, another site, or whoever writes into a platform's fields may try against the pages."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest

from pages_kit import WICKED, House, Visitor, app_of
from stagebridge.access import keys
from stagebridge.pages import render
from stagebridge.pages.forms import local
from stagebridge.pages.sessions import Sessions

ADA = f"{1:032x}"
PAGES = ("/", "/runs", "/runs/2", "/conflicts", "/dead-letters", "/receivers", "/receivers/warehouse",
         "/contacts", f"/contacts/{ADA}")  # fmt: skip
FORMS = ("/dead-letters", "/receivers/warehouse", "/contacts", "/logout")
SECRETS = ("warehouse", "zapier", "ada@example.com", "Lovelace", "crm", "sales", "hubspot", "INVALID_PHONE")


@pytest.fixture
def stranger(house: House) -> Visitor:
    return Visitor(app_of(house))


# --- without a key ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/contacts/nobody", "/runs/999", "/receivers/nobody"])
def test_without_a_key_nothing_is_seen_not_even_what_exists(stranger: Visitor, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert not any(secret in answer.text for secret in SECRETS)
    assert not any(secret in stranger.get("/login").text for secret in SECRETS)


@pytest.mark.parametrize("path", FORMS)
def test_without_a_key_no_form_does_anything(stranger: Visitor, house: House, path: str) -> None:
    answer = stranger.post(path, data={"id": "1", "do": "retry", "token": "x", "who": "ada@example.com"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "0", "é", "x" * 5000, '"; Path=/'])
def test_a_cookie_that_was_made_up_opens_nothing(stranger: Visitor, cookie: str) -> None:
    answer = stranger.get("/", headers={b"cookie": f"stagebridge={cookie}".encode()})
    assert answer.headers["location"] == "/login"


@pytest.mark.parametrize(
    "key", ["", "x", "sb_" + "a" * 10 + "_" + "a" * 43, "é" * 100, "sb_\ud83d".encode("utf-8", "replace").decode()]
)
def test_a_wrong_key_is_refused_in_the_same_words_and_without_a_session(
    stranger: Visitor, house: House, key: str
) -> None:
    api = keys.create(house.reading, "program", 0, scope="api", connection="crm")
    revoked = house.key("gone")
    keys.revoke(house.reading, "gone", 0)
    answers = [stranger.post("/login", data={"key": k}) for k in (key, api, revoked)]
    assert {a.status_code for a in answers} == {403}
    assert len({a.text for a in answers}) == 1
    assert not any("set-cookie" in a.headers for a in answers)


def test_guesses_are_throttled_and_a_good_key_beside_them_is_not(stranger: Visitor, house: House) -> None:
    answers = [stranger.post("/login", data={"key": f"guess {n}"}) for n in range(11)]
    assert [a.status_code for a in answers] == [403] * 10 + [429]
    assert re.search(r"Wait \d s", answers[-1].text)
    assert int(answers[-1].headers["retry-after"]) in range(1, 7)
    stranger.log_in(house.key())


def test_neither_keys_nor_addresses_of_people_get_into_the_log(
    stranger: Visitor, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "stagebridge.access")
    key = house.key()
    stranger.post("/login", data={"key": key[:-1]})
    stranger.log_in(key)
    stranger.submit("/contacts", who="nobody@example.com")
    stranger.get(f"/contacts/{ADA}x")
    ours = [r.getMessage() for r in caplog.records if r.name == "stagebridge.access"]
    assert ours == ["login from 192.0.2.1 refused", "POST /login 403", "POST /contacts 404", "GET /contacts/… 404"]


# --- sessions -----------------------------------------------------------------------------------------------------


def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(house: House, tmp_path: Path) -> None:
    said = Visitor(app_of(house)).post("/login", data={"key": house.key()}).headers["set-cookie"]
    assert re.fullmatch(r"stagebridge=[\w-]{43}; HttpOnly; Path=/; SameSite=strict", said)
    (tmp_path / "tls").mkdir()
    tls = House(tmp_path / "tls", public_url="https://sb.example.com")
    visitor = Visitor(app_of(tls), "https://sb.example.com")
    said = visitor.post("/login", data={"key": tls.key()}).headers["set-cookie"]
    assert re.fullmatch(r"__Host-stagebridge=[\w-]{43}; HttpOnly; Path=/; SameSite=strict; Secure", said)
    assert visitor.get("/").status_code == 200
    tls.reading.close()


def test_a_session_that_somebody_else_began_is_not_taken_over(house: House) -> None:
    """Session fixation: an id that was put into the browser before is not the one that is logged in."""
    key, app = house.key(), app_of(house)
    attacker = Visitor(app).log_in(house.key("mallory"))
    planted = attacker.cookies["stagebridge"]
    victim = Visitor(app)
    victim.cookies.set("stagebridge", planted)
    answer = victim.post("/login", data={"key": key})
    assert answer.status_code == 303
    assert planted not in answer.headers["set-cookie"]
    assert attacker.get("/").headers["location"] == "/login"


def test_a_session_ends_with_its_log_out_also_for_who_kept_the_cookie(house: House, olga: Visitor) -> None:
    kept = olga.cookies["stagebridge"]
    answer = olga.submit("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'stagebridge=""' in answer.headers["set-cookie"]
    olga.cookies.set("stagebridge", kept)
    assert olga.get("/").headers["location"] == "/login"


def test_a_session_ends_when_it_is_idle_for_an_hour_and_after_twelve_in_any_case(house: House, olga: Visitor) -> None:
    for _ in range(12):
        assert olga.get("/").status_code == 200
        house.clock.sleep(timedelta(minutes=59).total_seconds())
    assert olga.get("/").status_code == 200
    house.clock.sleep(timedelta(minutes=13).total_seconds())
    assert olga.get("/").status_code == 303
    olga.log_in(house.key("again"))
    house.clock.sleep(timedelta(minutes=60).total_seconds())
    assert olga.get("/").status_code == 303


def test_a_revoked_key_ends_its_sessions_and_no_others(house: House, olga: Visitor) -> None:
    otto = Visitor(app_of(house)).log_in(house.key("otto"))
    keys.revoke(house.reading, "olga", 0)
    assert olga.get("/").headers["location"] == "/login"
    assert otto.get("/").status_code == 200


def test_there_is_room_for_so_many_sessions_and_the_idlest_makes_room() -> None:
    sessions, key = Sessions(room=3), keys.Key("id", "olga", "pages", None)
    first, second, *_ = (sessions.begin(key, n) for n in range(3))
    sessions.find(first.id, 10)
    sessions.begin(key, 11)
    assert sessions.find(first.id, 12) is first
    assert sessions.find(second.id, 12) is None


# --- other sites --------------------------------------------------------------------------------------------------

FOREIGN = {
    "another site": {"origin": "https://evil.example.com", "sec-fetch-site": "cross-site"},
    "another site, as an old browser says it": {"origin": "https://evil.example.com"},
    "a sister site": {"origin": "http://testserver", "sec-fetch-site": "same-site"},
    "an address that was typed": {"origin": "http://testserver", "sec-fetch-site": "none"},
    "a frame without an origin": {"origin": "null"},
    "a site whose name begins like ours": {"origin": "http://testserver.evil.example.com"},
    "a site whose name ends like ours": {"origin": "http://eviltestserver"},
    "another port": {"origin": "http://testserver:81"},
    "nothing": {"origin": ""},
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("path", [*FORMS, "/login"])
def test_a_form_from_elsewhere_is_not_taken_even_with_our_token(
    olga: Visitor, house: House, path: str, name: str
) -> None:
    token = olga.token()
    fields = {"token": token, "id": "1", "do": "retry", "who": "ada@example.com", "key": house.key("other")}
    answer = olga.post(path, data=fields, headers=FOREIGN[name])
    assert answer.status_code == 403
    assert "not sent from these pages" in answer.text
    assert "set-cookie" not in answer.headers
    assert olga.get("/").status_code == 200
    assert olga.get("/dead-letters").text.count('value="retry"') == 6


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_this_sessions_token_is_not_taken(olga: Visitor, house: House, path: str) -> None:
    otto = Visitor(app_of(house)).log_in(house.key("otto")).token()
    for token in ("", "x", otto, olga.token()[:-1], "é"):
        answer = olga.post(path, data={"token": token, "id": "1", "do": "retry", "who": "ada@example.com"})
        assert answer.status_code == 403
        assert "not one of this session" in answer.text
    assert olga.get("/dead-letters").text.count('value="retry"') == 6


def test_nothing_is_changed_by_following_a_link(olga: Visitor) -> None:
    olga.get(f"/dead-letters?id=1&do=retry&token={olga.token()}")
    assert olga.get("/logout").status_code == 405
    assert olga.get("/dead-letters").text.count('value="retry"') == 6


def test_a_browser_that_says_the_form_is_from_us_is_believed_behind_a_proxy(house: House, tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    tls = House(tmp_path / "tls", public_url="https://sb.example.com/")
    app, key = app_of(tls), tls.key()
    for headers in (
        {"sec-fetch-site": "same-origin", "origin": "https://x.example.com"},
        {"origin": "https://sb.example.com"},
    ):
        assert (
            Visitor(app).post("/login", data={"key": key}, headers={**headers, "host": "10.0.0.7:8080"}).status_code
            == 303
        )
    tls.reading.close()


AWAY = ("https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "/\t/evil.example.com", "///evil", "\\\\evil",
        "javascript:alert(1)", "/%0d%0aSet-Cookie: a=b", "/runs\r\nX: y", "/ /evil", "/./\\evil", "x", "", "/@evil/../..\\")  # fmt: skip


@pytest.mark.parametrize("there", AWAY)
def test_nobody_is_sent_to_another_site_after_logging_in(house: House, there: str) -> None:
    visitor, key = Visitor(app_of(house)), house.key()
    assert "evil" not in visitor.get("/login", params={"next": there}).text
    answer = visitor.post("/login", data={"key": key, "next": there})
    assert answer.headers["location"] == "/"
    assert visitor.get("/login", params={"next": there}).headers["location"] == "/"


def test_one_is_sent_back_to_where_one_wanted_to_go(house: House) -> None:
    visitor = Visitor(app_of(house))
    where = visitor.get(f"/contacts/{ADA}").headers["location"]
    assert where == f"/login?next=%2Fcontacts%2F{ADA}"
    assert f'value="/contacts/{ADA}"' in visitor.get(where).text
    assert (
        visitor.post("/login", data={"key": house.key(), "next": f"/contacts/{ADA}"}).headers["location"]
        == f"/contacts/{ADA}"
    )
    assert local("/dead-letters") == "/dead-letters"


@pytest.mark.parametrize(
    "host", ["evil.example.com", "testserver:1@evil.example.com", "evil.example.com/x?", '"><script>']
)
def test_no_answer_repeats_the_host_that_was_asked_for(house: House, olga: Visitor, host: str) -> None:
    for path in (*PAGES, "/login", "/static/style.css"):
        answer = olga.get(path, headers={"host": host, "x-forwarded-host": host})
        assert "evil" not in answer.text + str(answer.headers)
        assert answer.text.count("<script") == 0
    stranger = Visitor(app_of(house))
    assert stranger.get("/runs", headers={"host": host}).headers["location"] == "/login?next=%2Fruns"


@pytest.mark.parametrize(
    "path", [*PAGES, "/login", "/runs/999", "/contacts/nobody", "/static/style.css", "/static/none"]
)
def test_no_page_may_be_framed_kept_or_run_anything(olga: Visitor, house: House, path: str) -> None:
    for visitor in (olga, Visitor(app_of(house))):
        headers = visitor.get(path).headers
        policy = headers["content-security-policy"]
        for rule in (
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ):
            assert rule in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-store" if not path.endswith("style.css") else "public, max-age=86400")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/admin", 404), ("GET", "/runs/", 404), ("GET", "/<script>alert(1)</script>", 404), ("POST", "/", 405), ("GET", "/logout", 405)],
)  # fmt: skip
def test_what_is_no_page_is_a_page_to_browsers_and_a_line_to_programs_and_repeats_nothing(
    stranger: Visitor, olga: Visitor, method: str, path: str, status: int
) -> None:
    for visitor in (stranger, olga):
        page = visitor.request(method, path, headers={"accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, "<h1>" in page.text, "script>" in page.text) == (status, True, False)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        line = visitor.request(method, path)
        assert (line.status_code, line.json()["detail"][:3]) == (status, "not")
        assert line.headers["x-content-type-options"] == "nosniff"


def test_whoever_only_asks_for_the_head_of_a_page_gets_that(stranger: Visitor, olga: Visitor) -> None:
    assert stranger.head("/").headers["location"] == "/login"
    for path in (*PAGES, "/login", "/static/style.css"):
        assert olga.head(path).status_code == (303 if path == "/login" else 200)


# --- what is sent, and what platforms hold ------------------------------------------------------------------------


def test_what_people_wrote_into_a_platform_stays_text(olga: Visitor) -> None:
    seen = "".join(olga.get(path).text for path in (*PAGES, f"/contacts/{2:032x}"))
    answer = olga.submit("/contacts", who=WICKED)
    for text in (seen, answer.text):
        assert "&lt;script&gt;alert(" in text
        assert "<script" not in text
        assert "<img src=x" not in text
        assert "{{7*7}}" in text
    assert '"' not in re.findall(r'value="([^>]*)" required', answer.text)[0]


def test_a_key_of_the_pages_cannot_carry_markup(house: House) -> None:
    with pytest.raises(Exception, match="is no name"):
        house.key("<b>")


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"key": "x"}', 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("", b"key=x", 415),
        ("application/x-www-form-urlencoded", b"key=" + b"x" * 20_000, 413),
        ("application/x-www-form-urlencoded", b"a=1&" * 1000, 400),
        ("application/x-www-form-urlencoded", b"key=\xff\xfe", 400),
        ("application/x-www-form-urlencoded", b"key=%ff%fe", 400),
        ("application/x-www-form-urlencoded", b"key=%00", 400),
        ("application/x-www-form-urlencoded", b"", 403),
        ("application/x-www-form-urlencoded; charset=utf-7", b"key=x", 403),
    ],
)
def test_a_form_that_is_none_is_refused_in_words(stranger: Visitor, kind: str, body: bytes, status: int) -> None:
    answer = stranger.post("/login", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert "<h1>" in answer.text


@pytest.mark.parametrize(
    "name",
    [
        "../routes.py",
        "..%2froutes.py",
        "%2e%2e/routes.py",
        "/etc/passwd",
        "style.css/../../routes.py",
        "style.css%00",
        "",
        "templates",
    ],
)
def test_nothing_but_our_files_is_served(stranger: Visitor, name: str) -> None:
    answer = stranger.get(f"/static/{name}")
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_our_files_are_named_by_what_is_in_them_and_not_sent_twice(stranger: Visitor) -> None:
    page = stranger.get("/login").text
    [there] = re.findall(r'href="(/static/style.css\?v=\w+)"', page)
    first = stranger.get(there)
    assert (first.status_code, first.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert render.ETAGS["style.css"] in there
    again = stranger.get(there, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
