"""Attacks on the scrubber: nothing that is secret, and nobody, gets into a file, however it is written.

The people here live under domains and numbers that nobody can have (`.zz`, country code 999), because what is reserved for
examples is left alone.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import unicodedata
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cassette_deck import deck
from cassette_people import ADA, PHONE
from scrub import Scrubber
from stub_http import Reply, Stub
from tape import Message, Tape, dumps, loads

SECRET = "pat-eu1-6f1c2d3e-Quartz-9a8b7c6d5e4f"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MARTA = {
    "firstname": "Marta",
    "lastname": "Quillfeather",
    "email": "marta.q@brightwave.zz",
    "phone": "+999 55 123 4567",
}
SARKA = {"firstname": "Šárka", "lastname": "Dvořáčková", "email": "šárka@brightwave.zz", "phone": "+999551234568"}
HANAKO = {"firstname": "花子", "lastname": "佐藤", "email": "hanako@brightwave.zz", "phone": "(999) 555-4321"}


def tape(*bodies: Any, uri: str = "/x", headers: dict[str, str] | None = None, sent: bytes = b"") -> Tape:
    """Answers with these bodies."""
    request = Message({}, sent, method="POST", uri=f"http://hubspot.test{uri}")
    raw = [b if isinstance(b, bytes) else orjson.dumps(b) for b in bodies or ({},)]
    return Tape("here", "a test", "2026-11-24T12:00:00+00:00", [], [
        (request, Message(headers or JSON, body, status=200)) for body in raw
    ])  # fmt: skip


def scrubbed(raw: Tape, scrubber: Scrubber | None = None) -> Tape:
    scrubber = scrubber or Scrubber({"scrubbed-token": SECRET})
    clean = scrubber.scrubbed(raw)
    assert scrubber.leaks(clean) == set()
    return clean


def body(clean: Tape, at: int = 0) -> Any:
    return orjson.loads(clean.interactions[at][1].body)


def forms(text: str) -> Iterator[str]:
    """A text in every encoding that it might be written in; the other way round than the scrubber looks for it."""
    for one in {unicodedata.normalize(f, case) for case in (text, text.upper(), text.lower()) for f in ("NFC", "NFD")}:
        raw = one.encode()
        yield one
        yield from {
            quote(one, safe=""),
            quote(one, safe="").lower(),
            quote(quote(one, safe=""), safe=""),
            quote_plus(one),
        }
        yield from {json.dumps(one)[1:-1], json.dumps(json.dumps(one))[2:-2], html.escape(one)}
        yield "".join(f"&#{ord(c)};" for c in one)
        for before in range(3):
            core = base64.b64encode(b"\0" * before + raw)[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6].decode()
            yield from {core, core.translate(str.maketrans("+/", "-_"))}


def held(clean: Tape, *texts: str) -> list[str]:
    """Which of these are in the file."""
    file = dumps(clean).decode()
    everything = file + "".join(m.body.decode() for both in loads(file.encode()).interactions for m in both)
    return [t for t in texts if any(form in everything for form in forms(t) if len(form) >= min(6, len(t)))]


def of(person: dict[str, str]) -> list[str]:
    return list(person.values())


# --- secrets ---------------------------------------------------------------------------------------------------

CLAIMS = base64.urlsafe_b64encode(b'{"iss":"app","sub":"marta.q@brightwave.zz"}').decode().rstrip("=")
JWT = f"eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.c2lnbmF0dXJlLW9mLXRoZS1hcHA"
BASIC = base64.b64encode(f"an-app:{SECRET}".encode()).decode()


@pytest.mark.parametrize("attack", [
    pytest.param(tape(uri=f"/x/{SECRET}/y"), id="in the path"),
    pytest.param(tape(uri=f"/x?hapikey={SECRET}&limit=1"), id="in the query"),
    pytest.param(tape(uri=f"/x?note=a+{SECRET}+b"), id="within a value of the query"),
    pytest.param(tape(sent=f"grant_type=x&client_secret={SECRET}".encode()), id="in a form"),
    pytest.param(tape({"deep": [{"er": {"access_token": SECRET}}]}), id="in JSON"),
    pytest.param(tape({SECRET: 1}), id="as a name in JSON"),
    pytest.param(tape({"detail": json.dumps({"inner": json.dumps({"token": SECRET})})}), id="in JSON in JSON in JSON"),
    pytest.param(tape({"message": f"The token {SECRET} has expired."}), id="in an error's sentence"),
    pytest.param(tape({"message": f"The token {SECRET.upper()} has expired"}), id="in upper case"),
    pytest.param(tape({"next": f"https://api.zz/x?t={quote(SECRET)}"}), id="in a link"),
    pytest.param(tape({"next": "".join(f"%{ord(c):02X}" for c in SECRET)}), id="all percent"),
    pytest.param(tape({"next": quote("".join(f"%{ord(c):02x}" for c in SECRET))}), id="percent of percent"),
    pytest.param(tape({"raw": "".join(f"\\u{ord(c):04x}" for c in SECRET)}), id="in escapes"),
    pytest.param(tape({"page": "".join(f"&#{ord(c)};" for c in SECRET)}), id="in entities"),
    pytest.param(tape({"seen": f"Authorization: Basic {BASIC}"}), id="in Basic"),
    pytest.param(tape({"seen": f"prefix/{BASIC}"}), id="in base64 behind something else"),
    pytest.param(tape({"cursor": base64.urlsafe_b64encode(f"xy{SECRET}".encode()).decode()}), id="in a cursor"),
    pytest.param(tape({"zip64": base64.b64encode(gzip.compress(SECRET.encode())).decode()}), id="in base64 of gzip"),
    pytest.param(tape(gzip.compress(orjson.dumps({"token": SECRET}))), id="in gzip"),
    pytest.param(tape(headers={**JSON, "Location": f"https://x.zz/back?code=1&state={SECRET}"}), id="in a redirect"),
    pytest.param(tape({"text": f"秘密{SECRET}です🔑{SECRET}é"}), id="amid other scripts"),
    pytest.param(tape(f"<s:sessionId>{SECRET}</s:sessionId>".encode(), headers={"Content-Type": "text/xml"}), id="in XML"),
    pytest.param(tape(f"<html>{SECRET}</html>".encode(), headers={"Content-Type": "text/html"}), id="on a page"),
    pytest.param(tape(f'"id","note"\n"1","{SECRET}"\n'.encode(), headers={"Content-Type": "text/csv"}), id="in CSV"),
    pytest.param(tape({"first": SECRET[:20], "second": SECRET[20:]}), id="in two halves"),
    pytest.param(tape({"a": f"x{SECRET[3:17]}y"}, uri=f"/x?b={SECRET[17:]}"), id="in pieces over body and query"),
])  # fmt: skip
def test_a_known_secret_is_nowhere_in_the_file(attack: Tape) -> None:
    scrubber = Scrubber({"scrubbed-token": SECRET})
    assert scrubber.leaks(attack) or attack.interactions[0][1].body[:2] == b"\x1f\x8b"  # it is seen at all
    clean = scrubbed(attack)
    assert held(clean, SECRET, SECRET[:16], SECRET[4:20], SECRET[-16:]) == []


UNKNOWN = "Zx8-unheard-of-Value_77"


@pytest.mark.parametrize("attack", [
    pytest.param(tape({"access_token": UNKNOWN}), id="by the name of a field"),
    pytest.param(tape({"accessToken": UNKNOWN, "later": f"used {UNKNOWN}"}), id="and wherever else it is"),
    pytest.param(tape({}, {"sessionId": UNKNOWN}, uri=f"/x?sid={UNKNOWN}"), id="by the name of a parameter"),
    pytest.param(tape(sent=f"password={UNKNOWN}&user=x".encode()), id="by the name in a form"),
    pytest.param(tape([{"name": "client_secret", "value": UNKNOWN}]), id="by a name that stands beside it"),
    pytest.param(tape({"log": f"refresh_token={UNKNOWN}; path=/"}), id="by what a sentence says"),
    pytest.param(tape({"log": f"<sessionId>{UNKNOWN}</sessionId>"}), id="by a tag"),
    pytest.param(tape({"log": f"Authorization: Bearer {UNKNOWN}"}), id="behind Bearer"),
    pytest.param(tape({"log": '{\\"apiKey\\": \\"' + UNKNOWN + '\\"}'}), id="in quoted quotes"),
    pytest.param(tape({"log": f"sid=00D5g000004abcdEAB!{UNKNOWN.replace('-', '.')}"}), id="as a session of Salesforce's"),
    pytest.param(tape({"seen": f"pat-na1-{UNKNOWN}"}), id="as a token of HubSpot's"),
    pytest.param(tape({"seen": JWT}, {"body": f"assertion={JWT}&x=1"}), id="as a JWT"),
    pytest.param(tape({"cert": f"-----BEGIN PRIVATE KEY-----\n{UNKNOWN}\n-----END PRIVATE KEY-----"}), id="as a key"),
])  # fmt: skip
def test_a_secret_that_nobody_named_is_known_by_where_it_is_and_how_it_looks(attack: Tape) -> None:
    assert Scrubber().leaks(attack) or "in" in str(attack)
    clean = scrubbed(attack, Scrubber())
    assert held(clean, UNKNOWN, UNKNOWN.replace("-", "."), JWT, MARTA["email"]) == []


def test_of_all_headers_only_a_few_are_kept_and_of_authorization_a_placeholder(stub: Stub) -> None:
    cookie = {"Set-Cookie": f"sid={SECRET}", "X-Trace": SECRET, "Www-Authenticate": f"Bearer {SECRET}", **JSON}
    stub.will(Reply(200, orjson.dumps({"ok": True}), cookie), Reply(302, b"", {"Location": f"https://x.zz/{SECRET}"}))
    sent = {"X-Api-Key": SECRET, "Cookie": f"sid={SECRET}", **JSON}
    with deck("http://hubspot.test", None) as recording, requests.Session() as on:
        on.post(f"{stub.url}/x", data=b"{}", headers={**sent, "Authorization": f"Bearer {SECRET}"}, timeout=5)
        on.get(f"{stub.url}/x", headers=sent, auth=("an-app", SECRET), allow_redirects=False, timeout=5)
    raw = Tape("here", "a test", "2026-11-24T12:00:00+00:00", [], recording.interactions())
    clean = scrubbed(raw)
    assert held(clean, SECRET, BASIC) == []
    (first, answer), (second, redirect) = clean.interactions
    assert first.headers == {"Authorization": "Bearer scrubbed-token", **JSON}
    assert (second.headers["Authorization"], redirect.headers["Location"]) == (
        "Basic scrubbed", "https://x.zz/scrubbed-token",
    )  # fmt: skip
    assert answer.headers == JSON


def test_a_packed_answer_is_written_unpacked_and_clean(stub: Stub) -> None:
    packed = gzip.compress(orjson.dumps({"results": [MARTA], "token": SECRET}))
    stub.will(Reply(200, packed, {"Content-Encoding": "gzip", **JSON}))
    with deck("http://hubspot.test", None) as recording:
        assert requests.get(f"{stub.url}/x", timeout=5).json()["token"] == SECRET
    clean = scrubbed(Tape("here", "a test", "2026-11-24T12:00:00+00:00", [], recording.interactions()))
    assert held(clean, SECRET, *of(MARTA)) == []
    with deck("http://hubspot.test", clean.interactions):
        assert requests.get("http://hubspot.test/x", timeout=5).json()["token"] == "scrubbed-token"


def test_a_body_that_is_no_text_is_not_written_because_nobody_can_say_what_is_in_it() -> None:
    with pytest.raises(ValueError, match="nobody can say"):
        Scrubber().scrubbed(tape("Šárka".encode("utf-16")))


# --- people ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [MARTA, SARKA, HANAKO], ids=["plain", "with accents", "in another script"])
def test_somebody_is_nowhere_in_the_file(person: dict[str, str]) -> None:
    first, last, email, phone = person["firstname"], person["lastname"], person["email"], person["phone"]
    digits = "".join(c for c in phone if c.isdigit())
    raw = tape(
        {"results": [{"id": "1", "properties": person}]},
        {"message": f'Contact "{first} {last}" <{email.upper()}> ({phone}) exists', "greeting": f"Dear {last.upper()},"},
        {"by": {email: {"name": unicodedata.normalize("NFD", f"{last}, {first}")}}, "joined": f"{first}{last}様"},
        {"query": quote(f"{first} {last}"), "cursor": base64.b64encode(f"after:{email}:{last}".encode()).decode()},
        {"escaped": json.dumps({"who": f"{last}"}), "called": f"tel:+{digits}, {' '.join(digits)}"},
        f"sf__Id,FirstName,LastName,MobilePhone\n1,{first},{last},{phone}\n".encode(),
        uri=f"/contacts/{quote(email)}?q={quote_plus(last)}", sent=f"who={quote_plus(email)}&n={quote(first)}".encode(),
    )  # fmt: skip
    raw.interactions[-1] = (
        raw.interactions[-1][0],
        Message({"Content-Type": "text/csv"}, raw.interactions[-1][1].body),
    )
    assert Scrubber().leaks(raw)
    assert held(scrubbed(raw, Scrubber()), first, last, email, phone, digits) == []


def test_the_same_person_is_the_same_stand_in_everywhere() -> None:
    shouted = {**MARTA, "email": MARTA["email"].upper(), "phone": "+999-55-1234567"}
    asked = orjson.dumps(
        {"inputs": [{"id": MARTA["email"]}], "filters": [{"propertyName": "lastname", "value": "Quillfeather"}]}
    )
    raw = tape({"a": MARTA, "b": shouted}, {"c": MARTA}, sent=asked, uri=f"/x?e={quote(MARTA['email'])}")
    clean = scrubbed(raw, Scrubber())
    stand_in = body(clean, 1)["c"]
    assert body(clean)["a"] == body(clean)["b"] == stand_in
    sent = clean.interactions[0][0]
    assert orjson.loads(sent.body) == {
        "inputs": [{"id": stand_in["email"]}], "filters": [{"propertyName": "lastname", "value": stand_in["lastname"]}],
    }  # fmt: skip
    assert sent.uri.endswith(f"?e={quote(stand_in['email'])}")


def test_two_people_are_two() -> None:
    clean = scrubbed(tape({"a": MARTA, "b": {**SARKA, "lastname": MARTA["lastname"]}}), Scrubber())
    one, other = body(clean)["a"], body(clean)["b"]
    assert one["lastname"] == other["lastname"]
    assert all(one[k] != other[k] for k in ("firstname", "email", "phone"))


def test_a_stand_in_is_what_no_connector_makes_anything_else_of() -> None:
    one = body(scrubbed(tape(MARTA), Scrubber()))
    assert one["email"] == one["email"].strip().lower()
    assert one["phone"].startswith("+44207946")
    assert one["phone"][1:].isdigit()


def test_people_who_are_invented_stay_who_they_are() -> None:
    raw = tape({**ADA, "phone": PHONE, "city": "Oslo"}, uri=f"/x?e={quote(ADA['email'])}")
    assert scrubbed(raw, Scrubber()) == raw


def test_a_name_that_is_a_part_of_a_longer_word_is_left_alone_there() -> None:
    raw = tape({"firstname": "Mark", "lastname": "Lead"}, {"hs_marketable_status": "Marked", "misleading": "leads"})
    clean = scrubbed(raw, Scrubber())
    assert body(clean, 1) == {"hs_marketable_status": "Marked", "misleading": "leads"}
    assert "Mark" not in body(clean)["firstname"]


@pytest.mark.parametrize(("key", "value"), [
    ("lastname", "D"), ("FirstName", "X."), ("MailingStreet", "7 Quill Lane"), ("zip", "QX1 7ZZ"), ("Birthdate", "1981-02-03"),
    ("hs_full_name_or_email", "Marta von Quillfeather"), ("displayName", "Quillfeather, Marta"), ("lastname", "De La Quill"),
])  # fmt: skip
def test_what_the_name_of_a_field_says_about_somebody_is_replaced(key: str, value: str) -> None:
    clean = scrubbed(tape({key: value, "note": "kept"}), Scrubber())
    assert not any(word in str(body(clean)[key]) for word in value.replace(",", "").split() if len(word) > 2)
    assert body(clean)[key] != value
    assert body(clean)["note"] == "kept"


# --- accounts --------------------------------------------------------------------------------------------------


def test_an_account_is_not_told_by_its_number() -> None:
    raw = tape(
        {"portalId": 27182818, "hub_id": "27182818"},
        {"url": "https://app.hubspot.com/contacts/27182818/record/0-1/27182818001"},
    )
    clean = scrubbed(raw, Scrubber())
    number = body(clean)["portalId"]
    assert isinstance(number, int)
    assert body(clean)["hub_id"] == str(number)
    assert body(clean, 1)["url"] == f"https://app.hubspot.com/contacts/{number}/record/0-1/27182818001"


@pytest.mark.parametrize("text", [
    "https://app-eu1.hubspot.com/contacts/27182818/record/0-1/31", 'wrong: [{"portalId":27182818}]', "portal_id=27182818&x=1",
])  # fmt: skip
def test_an_account_that_only_a_link_or_a_sentence_tells_is_known_too(text: str) -> None:
    clean = scrubbed(tape({"message": text}), Scrubber())
    assert held(clean, "27182818") == []


def test_an_organisation_is_not_told_by_its_hosts_ids_or_name() -> None:
    scrubber = Scrubber({"acme.my": "brightwave.my"}, names={"acme": "brightwave"})
    raw = tape(
        {"instance_url": "https://brightwave.my.salesforce.com", "id": "https://login.salesforce.com/id/00D5g000004abcdEAB/0055g"},
        {"link": "https://brightwave--dev.sandbox.lightning.force.com/x", "note": "Brightwave's own"},
    )  # fmt: skip
    clean = scrubbed(raw, scrubber)
    assert held(clean, "brightwave", "00D5g000004abcdEAB") == []
    assert body(clean)["instance_url"] == "https://acme.my.salesforce.com"
    assert body(clean)["id"].startswith("https://login.salesforce.com/id/00D000000000001AAA")


# --- as a whole ------------------------------------------------------------------------------------------------


def test_what_is_clean_is_not_changed_again() -> None:
    raw = tape({"results": [MARTA, SARKA], "access_token": UNKNOWN, "portalId": 27182818}, {"note": f"{JWT} {SECRET}"})
    once = scrubbed(raw)
    assert scrubbed(once, Scrubber()) == once


def written(text: str) -> st.SearchStrategy[str]:
    """A sentence with it, in some encodings."""
    ways = [
        lambda s: s, str.upper, quote, quote_plus, lambda s: json.dumps({"it": s}), lambda s: json.dumps(s)[1:-1],
        lambda s: f"see {s}, and more", lambda s: base64.b64encode(f"here is {s} again".encode()).decode(), html.escape,
        lambda s: f"https://api.zz/x?a=1&b={quote_plus(s)}", lambda s: f"日本{s}語",
    ]  # fmt: skip
    return st.lists(st.sampled_from(ways), max_size=3).map(lambda chosen: _through(chosen, text))


def _through(ways: list[Any], text: str) -> str:
    for way in ways:
        text = way(text)
    return text


TOKEN = st.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789_-.", min_size=20, max_size=48)
OWN_WORDS = dumps(tape({"results": [MARTA, True, False, None]}, b"x", headers=FORM, sent=b"\0")).decode().casefold()
NAME = st.text(st.characters(categories=["Lu", "Ll", "Lo"], max_codepoint=0x30FF), min_size=5, max_size=12).filter(
    lambda name: name.casefold() not in OWN_WORDS  # nobody is called as the file's own words are
)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Tape, str, dict[str, str]]:
    secret = draw(TOKEN)
    local = draw(st.text("bcdfghjkmnpqrstvwxz", min_size=6, max_size=10))
    person = {
        "firstname": draw(NAME), "lastname": draw(NAME), "email": f"{local}@brightwave.zz",
        "phone": "+999" + draw(st.text("0123456789", min_size=9, max_size=10)),
    }  # fmt: skip
    leaf = st.one_of(st.none(), st.booleans(), st.integers(0, 99), *(written(t) for t in (secret, *person.values())))
    tree = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    )
    other = draw(tree)
    uri = "/x/" + quote(draw(written(secret)), safe="") + "?q=" + quote_plus(draw(written(person["email"])))
    sent = draw(st.sampled_from([b"", orjson.dumps(other), ("a=" + quote_plus(str(draw(leaf)))).encode()]))
    return tape({"results": [person]}, other, uri=uri, sent=sent), secret, person


def check(drawn: tuple[Tape, str, dict[str, str]]) -> None:
    raw, secret, person = drawn
    clean = scrubbed(raw, Scrubber({"scrubbed-token": secret}))
    assert held(clean, secret, *person.values()) == []


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(recordings())
def test_whatever_a_recording_holds_no_secret_and_nobody_is_in_the_file(
    drawn: tuple[Tape, str, dict[str, str]],
) -> None:
    check(drawn)


@pytest.mark.soak
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(recordings())
def test_a_thousand_recordings_hold_no_secret_and_nobody(drawn: tuple[Tape, str, dict[str, str]]) -> None:
    check(drawn)
