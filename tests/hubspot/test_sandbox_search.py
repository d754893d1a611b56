"""What the stand-in lets be found: an index that lags, filters by type, and the limits of a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hubspot_sdk import CONTACTS, Http
from stagebridge.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("hubspot", switches={"index_lag": 0, "limits": False}) as made:
        yield made


@pytest.fixture
def http(box: Sandbox) -> Iterator[Http]:
    with Http(box) as made:
        yield made


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


def found(http: Http, *filters: dict[str, Any], **more: Any) -> list[str]:
    """The local parts of the addresses that a search finds."""
    status, body = http.search(*filters, limit=200, **more)
    assert status == 200, body
    return [r["properties"]["email"].partition("@")[0] for r in body["results"]]


# --- the index -----------------------------------------------------------------------------------------------------


def test_search_shows_the_past_and_reading_the_present() -> None:
    with Sandbox("hubspot", switches={"index_lag": 10}) as box, Http(box) as http:
        id_ = http.create(email="a@example.com", city="Wien")["id"]
        assert http.search()[1]["total"] == 0
        box.clock(advance=11)
        http.send("PATCH", f"{CONTACTS}/{id_}", {"properties": {"city": "Graz"}})
        [old] = http.search(properties=["city"])[1]["results"]
        assert (old["properties"]["city"], http.one(id_, "city")["city"]) == ("Wien", "Graz")
        assert old["updatedAt"] == old["properties"]["lastmodifieddate"]
        box.clock(advance=11)
        assert http.search(properties=["city"])[1]["results"][0]["properties"]["city"] == "Graz"


def test_a_fault_makes_the_index_lag_longer_and_it_catches_up(box: Sandbox, http: Http) -> None:
    id_ = http.create(email="a@example.com", city="Wien")["id"]
    box.clock(advance=60)
    http.send("PATCH", f"{CONTACTS}/{id_}", {"properties": {"city": "Graz"}})
    box.fault("index_lag", seconds=30)
    assert http.search(properties=["city"])[1]["results"][0]["properties"]["city"] == "Wien"
    box.heal()
    assert http.search(properties=["city"])[1]["results"][0]["properties"]["city"] == "Graz"


def test_archived_records_are_never_found(box: Sandbox, http: Http) -> None:
    id_ = http.create(email="a@example.com")["id"]
    http.send("DELETE", f"{CONTACTS}/{id_}")
    assert http.search()[1]["total"] == 0


def test_ten_thousand_records_with_one_timestamp_are_walked_by_their_ids(box: Sandbox, http: Http) -> None:
    stamp = "2026-05-06T19:26:18.036Z"
    ids = box.seed([{"lastname": f"Bulk {i}", "updated_at": stamp} for i in range(10_100)])["ids"]
    same = where("lastmodifieddate", "BETWEEN", stamp, highValue=stamp)
    assert http.search(same, after="9800", limit=200)[0] == 200
    assert http.search(same, after="9900", limit=200)[0] == 400
    seen: list[str] = []
    while True:
        after = [where("hs_object_id", "GT", seen[-1])] if seen else []
        sorts = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
        page = http.search(same, *after, sorts=sorts, limit=200)[1]
        seen += [r["id"] for r in page["results"]]
        if page["total"] <= 200:
            break
    assert seen == ids


# --- limits of a query ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [{"limit": 201}, {"limit": 0}, {"limit": "many"}, {"after": "next"}, {"sorts": ["email", "city"]},
     {"sorts": ["no_such"]}, {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")]}] * 6},
     {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")] * 7}]},
     {"filterGroups": [{"filters": [where("email", "HAS_PROPERTY")] * 5}] * 4}, {"query": "x" * 3001},
     {"filterGroups": [{"filters": [where("email", "LIKE", "x")]}]},
     {"filterGroups": [{"filters": [where("no_such", "EQ", "x")]}]},
     {"filterGroups": [{"filters": [where("email", "EQ")]}]},
     {"filterGroups": [{"filters": [where("createdate", "GT", "yesterday")]}]}],
)  # fmt: skip
def test_a_query_that_asks_too_much_or_wrongly_is_a_400(http: Http, body: dict[str, Any]) -> None:
    status, answer = http.post(f"{CONTACTS}/search", body)
    assert (status, answer["category"]) == (400, "VALIDATION_ERROR")


def test_ten_results_come_unless_more_are_asked_for(box: Sandbox, http: Http) -> None:
    box.seed([{"email": f"p{i}@example.com"} for i in range(30)])
    first = http.search()[1]
    assert (len(first["results"]), first["total"], first["paging"]["next"]["after"]) == (10, 30, "10")
    assert "paging" not in http.search(after="20")[1]


# --- filters -------------------------------------------------------------------------------------------------------


PEOPLE = [
    {"email": "ada@example.com", "firstname": "Ada", "city": "Łódź", "hs_lead_status": "NEW", "zip": "9",
     "created_at": "2026-01-01T00:00:00Z", "lifecyclestage": "lead"},
    {"email": "bo@example.org", "firstname": "Bo", "city": "Łódź", "hs_lead_status": "OPEN", "zip": "10",
     "created_at": "2026-02-01T00:00:00Z", "lifecyclestage": "customer"},
    {"email": "cy@example.com", "firstname": "Cyd O'Brien", "zip": "11", "created_at": "2026-03-01T00:00:00Z"},
]  # fmt: skip
MARCH = 1772323200000


@pytest.mark.parametrize(
    ("filters", "names"),
    [([where("city", "EQ", "łódź")], ["ada", "bo"]), ([where("city", "NEQ", "Łódź")], ["cy"]),
     ([where("city", "HAS_PROPERTY")], ["ada", "bo"]), ([where("city", "NOT_HAS_PROPERTY")], ["cy"]),
     ([where("createdate", "LT", str(MARCH))], ["ada", "bo"]), ([where("createdate", "LTE", str(MARCH))], ["ada", "bo", "cy"]),
     ([where("createdate", "GTE", "2026-02-01T00:00:00Z")], ["bo", "cy"]), ([where("createdate", "GT", str(MARCH))], []),
     ([where("createdate", "BETWEEN", "2026-01-15", highValue="2026-02-15")], ["bo"]),
     ([where("firstname", "IN", values=["ada", "bo"])], ["ada", "bo"]), ([where("firstname", "IN", values=["Ada"])], []),
     ([where("firstname", "NOT_IN", values=["ada"])], ["bo", "cy"]),
     ([where("hs_lead_status", "IN", values=["NEW"])], ["ada"]), ([where("hs_lead_status", "IN", values=["new"])], []),
     ([where("hs_lead_status", "EQ", "new")], []), ([where("lifecyclestage", "EQ", "customer")], ["bo"]),
     ([where("email", "CONTAINS_TOKEN", "*@example.com")], ["ada", "cy"]),
     ([where("firstname", "CONTAINS_TOKEN", "o'brien")], ["cy"]), ([where("firstname", "NOT_CONTAINS_TOKEN", "cyd")], ["ada", "bo"]),
     ([where("city", "EQ", "łódź"), where("hs_lead_status", "EQ", "OPEN")], ["bo"])],
)  # fmt: skip
def test_filters_compare_as_the_propertys_type(
    box: Sandbox, http: Http, filters: list[dict[str, Any]], names: list[str]
) -> None:
    box.seed(PEOPLE)
    assert found(http, *filters) == names


def test_groups_are_alternatives(box: Sandbox, http: Http) -> None:
    box.seed(PEOPLE)
    groups = [{"filters": [where("firstname", "EQ", n)]} for n in ("Ada", "Bo")]
    body = http.post(f"{CONTACTS}/search", {"filterGroups": groups})[1]
    assert body["total"] == 2


def test_a_query_looks_into_names_and_addresses(box: Sandbox, http: Http) -> None:
    box.seed(PEOPLE)
    assert found(http, query="o'br") == ["cy"]
    assert found(http, query="bo@ex") == ["bo"]


@pytest.mark.parametrize(
    ("sort", "names"),
    [("createdate", ["ada", "bo", "cy"]), ("-createdate", ["cy", "bo", "ada"]),
     ({"propertyName": "email", "direction": "DESCENDING"}, ["cy", "bo", "ada"]), ("hs_lead_status", ["ada", "bo", "cy"]),
     ("-hs_lead_status", ["bo", "ada", "cy"])],
)  # fmt: skip
def test_one_rule_sorts_and_records_without_a_value_come_last(
    box: Sandbox, http: Http, sort: Any, names: list[str]
) -> None:
    box.seed(PEOPLE)
    assert found(http, sorts=[sort]) == names


def test_the_list_pages_by_id_and_knows_its_limits(box: Sandbox, http: Http) -> None:
    ids = box.seed([{"lastname": str(i)} for i in range(130)])["ids"]
    first = http.get(CONTACTS, limit=100)
    assert first["paging"]["next"]["after"] == ids[100]
    assert [c["id"] for c in http.get(CONTACTS, limit=100, after=ids[100])["results"]] == ids[100:]
    assert http.send("GET", CONTACTS, limit=101).status_code == 400
    assert http.send("GET", CONTACTS, limit=51, propertiesWithHistory="email").status_code == 400
    assert http.send("GET", CONTACTS, properties=",".join(["a_long_name"] * 2000)).status_code == 414
