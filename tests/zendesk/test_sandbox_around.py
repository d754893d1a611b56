"""What stands around the users of the Zendesk stand-in: identities, fields, organisations."""

from __future__ import annotations

from typing import Any

import pytest

from stagebridge.sandbox import Sandbox
from zendesk_http import ADA, BO, STAGE, Http, addresses, user

# --- identities ----------------------------------------------------------------------------------------------------


def test_the_primary_address_is_changed_by_adding_one_and_making_it_primary(box: Sandbox, http: Http) -> None:
    id_ = http.create(**ADA, skip_verify_email=True)["id"]
    new = {"type": "email", "value": "ada@new.example.com", "verified": True, "skip_verify_email": True}
    answer = http.send("POST", f"/users/{id_}/identities", {"identity": new})
    assert (answer.status_code, answer.json()["identity"]["primary"]) == (201, False)
    made = answer.json()["identity"]["id"]
    held = http.send("PUT", f"/users/{id_}/identities/{made}/make_primary", {}).json()["identities"]
    assert [(i["value"], i["primary"]) for i in held] == [("ada@new.example.com", True), ("ada@example.com", False)]
    assert user(box, id_)["email"] == "ada@new.example.com"
    old = held[1]["id"]
    assert http.send("DELETE", f"/users/{id_}/identities/{old}").status_code == 204
    assert addresses(box, id_) == [("ada@new.example.com", True)]
    assert http.create(name="Heir", email="ada@example.com", skip_verify_email=True)["id"] != id_
    assert box.state()["mails_sent"] == []


def test_a_new_identity_mails_its_owner_unless_it_is_told_not_to(box: Sandbox, http: Http) -> None:
    id_ = http.create(**ADA, skip_verify_email=True)["id"]
    http.send("POST", f"/users/{id_}/identities", {"identity": {"type": "email", "value": "b@example.com"}})
    assert [m["to"] for m in box.state()["mails_sent"]] == ["b@example.com"]


def test_nobody_gets_an_address_of_somebody_else(box: Sandbox, http: Http) -> None:
    http.create(**ADA)
    bo = http.create(**BO)
    given = {"identity": {"type": "email", "value": "ADA@example.com"}}
    refused = http.send("POST", f"/users/{bo['id']}/identities", given)
    assert (refused.status_code, refused.json()["details"]["value"][0]["error"]) == (422, "DuplicateValue")
    assert addresses(box, bo["id"]) == [("bo@example.com", True)]


def test_an_identitys_value_can_be_changed_and_its_being_primary_cannot(box: Sandbox, http: Http) -> None:
    id_ = http.create(**ADA)["id"]
    http.update(id_, email="second@example.com")
    first, second = http.get(f"/users/{id_}/identities")["identities"]
    changed = {"identity": {"value": "third@example.com", "primary": True, "verified": True}}
    answer = http.send("PUT", f"/users/{id_}/identities/{second['id']}", changed).json()["identity"]
    assert (answer["value"], answer["primary"], answer["verified"]) == ("third@example.com", False, True)
    assert http.get(f"/users/{id_}/identities/{first['id']}")["identity"]["primary"] is True
    assert http.send("GET", f"/users/{id_}/identities/7").status_code == 404


def test_identities_are_listed_by_type(http: Http) -> None:
    id_ = http.create(**ADA, phone="+442079460001")["id"]
    found = http.get(f"/users/{id_}/identities", type="phone_number")["identities"]
    assert [i["value"] for i in found] == ["+442079460001"]


# --- user fields ---------------------------------------------------------------------------------------------------


def test_a_dropdown_is_made_with_its_options_and_listed(http: Http) -> None:
    (held,) = http.get("/user_fields")["user_fields"]
    assert (held["key"], held["type"]) == ("lifecycle_stage", "dropdown")
    assert [o["value"] for o in held["custom_field_options"]] == ["ls_lead", "ls_customer"]
    answer = http.send("POST", "/user_fields", {"user_field": {"key": "vip", "title": "VIP", "type": "checkbox"}})
    assert (answer.status_code, answer.json()["user_field"]["key"]) == (201, "vip")
    assert [f["key"] for f in http.get("/user_fields")["user_fields"]] == ["lifecycle_stage", "vip"]


@pytest.mark.parametrize(("change", "wrong"), [
    ({"key": "lifecycle_stage"}, "key"), ({"key": "has blanks"}, "key"), ({"key": "123"}, "key"), ({"title": ""}, "title"),
    ({"type": "colour"}, "type"), ({"custom_field_options": []}, "custom_field_options"),
    ({"custom_field_options": [{"name": "A", "value": "a"}, {"name": "B", "value": "a"}]}, "custom_field_options"),
])  # fmt: skip
def test_a_field_that_cannot_be_is_refused(http: Http, change: Any, wrong: str) -> None:
    refused = http.send("POST", "/user_fields", {"user_field": {**STAGE, "key": "new_one", **change}})
    assert (refused.status_code, list(refused.json()["details"])) == (422, [wrong])
    assert len(http.get("/user_fields")["user_fields"]) == 1


def test_an_option_is_added_with_201_and_renamed_with_200(http: Http) -> None:
    (field,) = http.get("/user_fields")["user_fields"]
    path = f"/user_fields/{field['id']}/options"
    new = http.send("POST", path, {"custom_field_option": {"name": "Fan", "value": "ls_fan"}})
    assert new.status_code == 201
    option = new.json()["custom_field_option"]
    renamed = http.send(
        "POST", path, {"custom_field_option": {"id": option["id"], "name": "Friend", "value": "ls_fan"}}
    )
    assert renamed.status_code == 200
    assert [o["name"] for o in http.get(path)["custom_field_options"]] == ["Lead", "Customer", "Friend"]


def test_options_that_an_update_leaves_out_are_gone_and_from_users_too(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA, user_fields={"lifecycle_stage": "ls_lead"})
    (field,) = http.get("/user_fields")["user_fields"]
    kept = [{"name": "Customer", "value": "ls_customer"}]
    http.send("PUT", f"/user_fields/{field['id']}", {"user_field": {"custom_field_options": kept}})
    held = user(box, made["id"])
    assert (held["user_fields"], held["tags"]) == ({"lifecycle_stage": None}, [])
    assert http.send("DELETE", f"/user_fields/{field['id']}").status_code == 204
    assert user(box, made["id"])["user_fields"] == {}


@pytest.mark.parametrize(("kind", "given", "held"), [
    ("date", "2026-01-02", "2026-01-02T00:00:00+00:00"), ("checkbox", "true", True), ("integer", "7", 7),
    ("decimal", "5.1", 5.1), ("text", "x", "x"),
])  # fmt: skip
def test_values_are_kept_as_their_type_has_them(http: Http, kind: str, given: Any, held: Any) -> None:
    http.send("POST", "/user_fields", {"user_field": {"key": "more", "title": "More", "type": kind}})
    assert http.create(**ADA, user_fields={"more": given})["user_fields"]["more"] == held


@pytest.mark.parametrize(
    ("kind", "given"), [("date", "soon"), ("checkbox", "maybe"), ("integer", "x"), ("decimal", "x")]
)
def test_values_that_their_type_does_not_have_are_refused(box: Sandbox, http: Http, kind: str, given: str) -> None:
    http.send("POST", "/user_fields", {"user_field": {"key": "more", "title": "More", "type": kind}})
    refused = http.send("POST", "/users", {"user": {**ADA, "user_fields": {"more": given}}})
    assert (refused.status_code, list(refused.json()["details"])) == (422, ["user_fields.more"])
    assert box.state()["users"] == []


# --- organisations -------------------------------------------------------------------------------------------------


def test_an_organisations_name_is_taken_once_and_never_matched(box: Sandbox, http: Http) -> None:
    made = http.send("POST", "/organizations", {"organization": {"name": "Café Zénith"}})
    assert made.status_code == 201
    again = {"organization": {"name": "café zénith", "external_id": "o-1"}}
    for path in ("/organizations", "/organizations/create_or_update"):
        refused = http.send("POST", path, again)
        assert (refused.status_code, refused.json()["details"]["name"][0]["error"]) == (422, "DuplicateValue")
    assert len(box.state()["organizations"]) == 1


def test_an_organisation_is_matched_by_id_or_external_id(box: Sandbox, http: Http) -> None:
    path = "/organizations/create_or_update"
    first = http.send("POST", path, {"organization": {"name": "Blue Heron Ltd", "external_id": "o-1"}})
    second = http.send("POST", path, {"organization": {"external_id": "o-1", "name": "Blue Heron"}})
    third = http.send("POST", path, {"organization": {"id": first.json()["organization"]["id"], "notes": "n"}})
    assert [a.status_code for a in (first, second, third)] == [201, 200, 200]
    (held,) = box.state()["organizations"]
    assert (held["name"], held["notes"]) == ("Blue Heron", "n")


def test_organisations_are_looked_up_and_come_along_with_users(http: Http) -> None:
    id_ = http.send("POST", "/organizations", {"organization": {"name": "Fjordlys AS", "external_id": "o-1"}}).json()[
        "organization"
    ]["id"]
    made = http.create(**ADA, organization_id=id_)
    named = http.create(**BO, organization={"name": "Fjordlys AS"})
    assert named["organization_id"] == id_
    for path, query in (("/users", {}), ("/users/show_many", {"ids": made["id"]}), ("/users/search", {"query": "Ada"})):
        assert [o["name"] for o in http.get(path, include="organizations", **query)["organizations"]] == ["Fjordlys AS"]
    assert [o["id"] for o in http.get("/organizations/show_many", external_ids="O-1")["organizations"]] == [id_]
    assert [o["id"] for o in http.get("/organizations/search", name="fjordlys as")["organizations"]] == [id_]
    assert http.get(f"/organizations/{id_}")["organization"]["external_id"] == "o-1"
    assert [o["id"] for o in http.get("/organizations")["organizations"]] == [id_]


def test_an_organisation_that_is_deleted_leaves_its_people_behind(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA, organization={"name": "Granat s.r.o."})
    assert http.send("DELETE", f"/organizations/{made['organization_id']}").status_code == 204
    assert user(box, made["id"])["organization_id"] is None


def test_an_organisation_is_updated_five_times_a_minute(box: Sandbox, http: Http) -> None:
    id_ = http.send("POST", "/organizations", {"organization": {"name": "Estrela Lda"}}).json()["organization"]["id"]
    statuses = [
        http.send("PUT", f"/organizations/{id_}", {"organization": {"notes": str(n)}}).status_code for n in range(6)
    ]
    assert statuses == [200] * 5 + [429]
    assert box.state()["organizations"][0]["notes"] == "4"
