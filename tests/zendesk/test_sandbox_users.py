"""Users of the Zendesk stand-in one by one: who they are, what they are called, what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from stagebridge.sandbox import Sandbox
from zendesk_http import ADA, BO, Http, addresses, user


def details(answer: Any) -> dict[str, str]:
    """The first error code by attribute."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert (body["error"], body["description"]) == ("RecordInvalid", "Record validation errors")
    return {k: v[0]["error"] for k, v in body["details"].items()}


# --- creating ------------------------------------------------------------------------------------------------------


def test_a_created_user_is_an_end_user_and_is_answered_with_his_address(box: Sandbox, http: Http) -> None:
    answer = http.send("POST", "/users", {"user": {**ADA, "user_fields": {"lifecycle_stage": "ls_lead"}}})
    assert answer.status_code == 201
    made = answer.json()["user"]
    assert answer.headers["Location"].endswith(f"/api/v2/users/{made['id']}.json")
    held = user(box, made["id"])
    assert (held["role"], held["active"], held["email"]) == ("end-user", True, "ada@example.com")
    assert held["user_fields"] == {"lifecycle_stage": "ls_lead"}


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_the_suffix_json_may_be_there_or_not(http: Http, suffix: str) -> None:
    made = http.create(**ADA)
    assert http.get(f"/users/{made['id']}{suffix}")["user"]["email"] == "ada@example.com"


def test_an_address_that_somebody_has_in_any_case_is_refused_with_details(box: Sandbox, http: Http) -> None:
    http.create(**ADA)
    again = http.send("POST", "/users", {"user": {"name": "Another", "email": "ADA@example.com"}})
    assert details(again) == {"email": "DuplicateValue"}
    assert again.json()["details"]["email"][0]["description"] == (
        "Email: ADA@example.com is already being used by another user"
    )
    assert len(box.state()["users"]) == 1


def test_details_may_be_an_object_instead_of_a_list() -> None:
    with Sandbox("zendesk", switches={"details_as": "dict"}) as box, Http(box) as http:
        refused = http.send("POST", "/users", {"user": {"name": "Ada", "phone": "5551234567"}})
        assert refused.json()["details"] == {
            "phone": {"description": "Phone 5551234567 is not properly formatted", "error": "InvalidFormat"}
        }


@pytest.mark.parametrize(("values", "wrong"), [
    ({"name": " "}, {"name": "BlankValue"}), ({"name": "A", "email": "ada"}, {"email": "InvalidFormat"}),
    ({"name": "A", "phone": "0301234"}, {"phone": "InvalidFormat"}), ({"name": "A", "role": "boss"}, {"role": "InvalidValue"}),
    ({"name": "A", "organization_id": 7}, {"organization_id": "InvalidValue"}),
    ({"name": "A", "user_fields": {"lifecycle_stage": "Lead"}}, {"user_fields.lifecycle_stage": "InvalidValue"}),
    ({"name": "", "email": "ada"}, {"name": "BlankValue", "email": "InvalidFormat"}),
])  # fmt: skip
def test_every_attribute_that_is_wrong_is_named(box: Sandbox, http: Http, values: Any, wrong: dict[str, str]) -> None:
    assert details(http.send("POST", "/users", {"user": values})) == wrong
    assert box.state()["users"] == []


@pytest.mark.parametrize("values", [{"id": None}, {"suspended": "yes"}, {"organization_id": "7"}, {"tags": "vip"}])
def test_a_value_of_the_wrong_kind_is_a_bad_request_whose_error_is_an_object(http: Http, values: Any) -> None:
    refused = http.send("POST", "/users", {"user": {"name": "Ada", **values}})
    assert refused.status_code == 400
    assert refused.json()["error"]["title"] == "Invalid attribute"
    assert next(iter(values)) in refused.json()["error"]["message"]


def test_what_is_no_attribute_is_ignored_without_a_word_and_counted(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA, user_fields={"nobodys": "x"})
    box.forget_requests()
    assert "nobodys" not in made["user_fields"]
    assert box.state()["ignored"] == {"user_fields.nobodys": 1}


def test_without_a_name_under_user_the_parameter_is_missing(http: Http) -> None:
    refused = http.send("POST", "/users", {"users": []})
    assert refused.status_code == 400
    assert refused.json() == {"error": "ParameterMissing", "description": "Parameter user is required"}


def test_a_new_person_gets_a_mail_unless_the_request_says_to_skip_it(box: Sandbox, http: Http) -> None:
    http.create(**ADA, skip_verify_email=True)
    http.create(name="Verified", email="v@example.com", verified=True)
    box.seed([{"name": "Seeded", "email": "s@example.com"}])
    assert box.state()["mails_sent"] == []
    http.create(**BO)
    assert [m["to"] for m in box.state()["mails_sent"]] == ["bo@example.com"]


def test_a_phone_that_somebody_has_is_shared_and_no_identity(box: Sandbox, http: Http) -> None:
    first = http.create(name="One", phone="+442079460001")
    second = http.create(name="Two", phone="+442079460001")
    assert (first["shared_phone_number"], second["shared_phone_number"]) == (False, True)
    assert [i["user_id"] for i in box.state()["identities"]] == [first["id"]]


def test_a_new_phone_may_be_one_more_identity_while_the_old_one_stays_first() -> None:
    with Sandbox("zendesk", switches={"old_phone_stays": True}) as box, Http(box) as http:
        one = http.create(name="One", phone="+442079460001")
        assert http.update(one["id"], phone="+442079460002").json()["user"]["phone"] == "+442079460001"
        assert {i["value"] for i in box.state()["identities"]} == {"+442079460001", "+442079460002"}


def test_an_empty_phone_takes_it_away(box: Sandbox, http: Http) -> None:
    one = http.create(name="One", phone="+442079460001")
    http.update(one["id"], phone="")
    assert user(box, one["id"])["phone"] is None
    assert box.state()["identities"] == []


# --- create or update ----------------------------------------------------------------------------------------------


def test_an_upsert_says_201_for_a_new_user_and_200_for_a_known_one(box: Sandbox, http: Http) -> None:
    first = http.upsert(**ADA)
    box.clock(advance=2)
    second = http.upsert(external_id="c-1", name="Ada L.")
    box.clock(advance=2)
    third = http.upsert(email="Ada@Example.com", notes="by address")
    assert [a.status_code for a in (first, second, third)] == [201, 200, 200]
    id_ = first.json()["user"]["id"]
    assert all(a.headers["Location"].endswith(f"{id_}.json") for a in (first, second, third))
    (held,) = box.state()["users"]
    assert (held["name"], held["notes"]) == ("Ada L.", "by address")


def test_an_external_id_is_found_in_any_case_and_then_spelt_as_it_was_sent(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA)
    assert http.upsert(external_id="C-1", name="Ada").status_code == 200
    assert user(box, made["id"])["external_id"] == "C-1"
    assert [u["id"] for u in http.get("/users/search", external_id="c-1")["users"]] == [made["id"]]


def test_an_external_id_of_somebody_else_is_refused_in_any_case(http: Http) -> None:
    http.create(**ADA)
    bo = http.create(**BO)
    assert details(http.update(bo["id"], external_id="C-1")) == {"external_id": "DuplicateValue"}


def test_an_upsert_whose_keys_mean_two_people_is_refused(box: Sandbox, http: Http) -> None:
    http.create(**ADA)
    http.create(**BO)
    assert details(http.upsert(external_id="c-1", email="bo@example.com")) == {"email": "DuplicateValue"}
    assert [u["email"] for u in box.state()["users"]] == ["ada@example.com", "bo@example.com"]


# --- updating ------------------------------------------------------------------------------------------------------


def test_an_update_is_partial(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA, notes="kept", user_fields={"lifecycle_stage": "ls_lead"})
    assert http.update(made["id"], name="Ada B.").json()["user"]["notes"] == "kept"
    assert user(box, made["id"])["user_fields"] == {"lifecycle_stage": "ls_lead"}


def test_an_address_in_an_update_is_added_and_the_primary_one_stays(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA)
    answer = http.update(made["id"], email="ada@new.example.com")
    assert answer.json()["user"]["email"] == "ada@example.com"
    assert addresses(box, made["id"]) == [("ada@example.com", True), ("ada@new.example.com", False)]


def test_a_person_who_edits_an_address_replaces_it(box: Sandbox) -> None:
    (id_,) = box.seed([ADA])["ids"]
    box.seed({"edit": {str(id_): {"email": "ada@new.example.com", "name": "Ada C."}}})
    assert addresses(box, id_) == [("ada@new.example.com", True)]
    assert user(box, id_)["name"] == "Ada C."


def test_a_suspended_user_is_still_there_and_says_so(box: Sandbox, http: Http) -> None:
    (id_,) = box.seed([ADA])["ids"]
    box.seed({"suspend": [id_]})
    assert http.get(f"/users/{id_}")["user"]["suspended"] is True
    assert http.update(id_, suspended=False).json()["user"]["suspended"] is False


# --- ending --------------------------------------------------------------------------------------------------------


def test_a_soft_delete_frees_the_address_and_leaves_the_record(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA)
    gone = http.send("DELETE", f"/users/{made['id']}")
    assert (gone.status_code, gone.json()["user"]["active"]) == (200, False)
    assert http.get("/users")["users"] == []
    assert http.get("/users/search", query="email:ada@example.com")["users"] == []
    assert http.get(f"/users/{made['id']}")["user"]["active"] is False
    assert http.update(made["id"], name="X").status_code == 404
    assert http.create(**ADA)["id"] != made["id"]


def test_a_permanent_delete_needs_a_soft_one_first_and_leaves_nothing(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA, notes="secret", phone="+442079460001", user_fields={"lifecycle_stage": "ls_lead"})
    assert http.send("DELETE", f"/deleted_users/{made['id']}").json() == {
        "error": "RecordNotFound", "description": "Not found",
    }  # fmt: skip
    http.send("DELETE", f"/users/{made['id']}")
    assert http.get("/deleted_users/count")["count"]["value"] == 1
    assert http.get(f"/deleted_users/{made['id']}")["deleted_user"]["email"] == "ada@example.com"
    assert [u["id"] for u in http.get("/deleted_users")["deleted_users"]] == [made["id"]]
    assert http.send("DELETE", f"/deleted_users/{made['id']}").json()["deleted_user"]["id"] == made["id"]
    assert http.send("GET", f"/users/{made['id']}").status_code == 404
    state = box.state()
    assert not any(text in str(state) for text in ("ada@example.com", "secret", "+442079460001", "Ångström"))
    assert (state["users"][0]["deleted"], state["users"][0]["erased"]) == (True, True)


def test_a_permanent_delete_goes_through_its_steps_over_time(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA)
    path = f"/users/{made['id']}/compliance_deletion_statuses"
    assert http.get(path) == {"compliance_deletion_statuses": []}
    http.send("DELETE", f"/users/{made['id']}")
    http.send("DELETE", f"/deleted_users/{made['id']}")
    assert [s["action"] for s in http.get(path)["compliance_deletion_statuses"]] == ["request_deletion"]
    box.clock(advance=3600)
    assert [s["action"] for s in http.get(path)["compliance_deletion_statuses"]] == [
        "request_deletion", "started", "complete",
    ]  # fmt: skip
    assert http.send("GET", "/users/1/compliance_deletion_statuses").json() == {
        "error": "RecordNotFound", "description": "Not found",
    }  # fmt: skip


def test_a_merge_puts_the_user_of_the_path_into_the_one_of_the_body(box: Sandbox, http: Http) -> None:
    loser, winner = http.create(**ADA), http.create(**BO)
    box.seed({"tickets": [{"requester_id": loser["id"]}]})
    assert (
        http.send("PUT", f"/users/{loser['id']}/merge", {"user": {"id": winner["id"]}}).json()["user"]["id"]
        == (winner["id"])
    )
    assert addresses(box, winner["id"]) == [("bo@example.com", True), ("ada@example.com", False)]
    held = user(box, loser["id"])
    assert (held["deleted"], held["merged_into"], user(box, winner["id"])["external_id"]) == (True, winner["id"], "c-2")
    assert box.state()["tickets"][0]["requester_id"] == winner["id"]


def test_agents_and_people_who_are_not_there_are_not_merged(box: Sandbox, http: Http) -> None:
    ada, agent = http.create(**ADA), http.create(name="Agent", email="agent@example.com", role="agent")
    assert http.send("PUT", f"/users/{ada['id']}/merge", {"user": {"id": agent["id"]}}).status_code == 403
    assert http.send("PUT", f"/users/{ada['id']}/merge", {"user": {"email": "no@example.com"}}).status_code == 404
    assert all(u["active"] for u in box.state()["users"])


# --- tags ----------------------------------------------------------------------------------------------------------


def test_tags_are_set_by_post_added_by_put_and_removed_by_delete(box: Sandbox, http: Http) -> None:
    id_ = http.create(**ADA)["id"]
    path = f"/users/{id_}/tags"
    assert http.send("PUT", path, {"tags": ["VIP", "two words"]}).json() == {"tags": ["vip", "two_words"]}
    assert http.send("PUT", path, {"tags": ["more"]}).json() == {"tags": ["vip", "two_words", "more"]}
    assert http.send("DELETE", path, {"tags": ["vip"]}).json() == {"tags": ["two_words", "more"]}
    answer = http.send("POST", path, {"tags": ["only"]})
    assert (answer.status_code, answer.json()) == (201, {"tags": ["only"]})
    assert http.get(path) == {"tags": user(box, id_)["tags"]}


def test_tags_are_lost_where_they_are_not_switched_on() -> None:
    with Sandbox("zendesk", switches={"tags_enabled": False}) as box, Http(box) as http:
        made = http.create(**ADA, tags=["vip"])
        assert http.send("PUT", f"/users/{made['id']}/tags", {"tags": ["vip"]}).json() == {"tags": []}
        assert user(box, made["id"])["tags"] == []


def test_a_dropdowns_value_is_a_tag_too_and_changes_with_it(box: Sandbox, http: Http) -> None:
    made = http.create(**ADA, tags=["vip"], user_fields={"lifecycle_stage": "ls_lead"})
    assert set(made["tags"]) == {"vip", "ls_lead"}
    http.update(made["id"], user_fields={"lifecycle_stage": "ls_customer"})
    assert set(user(box, made["id"])["tags"]) == {"vip", "ls_customer"}
    box.clock(advance=1)
    http.update(made["id"], user_fields={"lifecycle_stage": None})
    assert user(box, made["id"])["tags"] == ["vip"]
