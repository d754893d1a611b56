"""What a mapping leaves to the account: labels, options, settings, what is missing, and when it has to be read anew."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from stagebridge.contact import PATHS
from stagebridge.errors import MappingError
from stagebridge.mapping import Mapping, load_mapping, samples

SETTINGS = {"email_subscription": "77"}
DATES = {p for p in PATHS if p.endswith((".at", ".source"))} | {"stage_at"}


def facts(name: str, lifecycle: str = "default", **changes: Any) -> dict[str, Any]:
    return samples.invented_facts(load_mapping(name, offline=True, settings=SETTINGS, lifecycle=lifecycle)) | changes


def without(name: str, object: str, *gone: str, lifecycle: str = "default") -> dict[str, Any]:
    found = facts(name, lifecycle)
    found["fields"] = {
        o: {k: v for k, v in names.items() if o != object or v not in gone} for o, names in found["fields"].items()
    }
    return found


def hubspot(**changes: Any) -> Mapping:
    return load_mapping("hubspot", facts=facts("hubspot", **changes))


@pytest.mark.parametrize(
    "name", ["hubspot", "hubspot_subscription", "salesforce", "salesforce_status", "salesforce_no_key"]
)
def test_every_path_is_mapped_or_unsupported_with_a_reason(name: str) -> None:
    m = load_mapping(name, facts=facts(name), settings=SETTINGS)
    for object in m.objects:
        said = m.readable(object) | m.writable(object) | m.unsupported(object).keys()
        assert set(PATHS) - DATES - said == set()


def test_without_its_facts_a_mapping_can_be_checked_and_not_run() -> None:
    m = load_mapping("hubspot", offline=True)
    with pytest.raises(MappingError, match="without its facts") as refused:
        m.read({"properties": {}})
    assert "discover()" in refused.value.hint


def test_a_field_that_the_account_lacks_is_an_error_that_says_who_creates_it() -> None:
    with pytest.raises(MappingError) as refused:
        load_mapping("hubspot", facts=without("hubspot", "contacts", "lost_reason"))
    assert str(refused.value).splitlines() == [
        "hubspot.yaml:26: contact.fields.lost_reason: this account has no field 'Lost reason'; `stagebridge provision` creates it"
    ]


def test_leniently_it_is_left_out_and_listed_as_missing() -> None:
    m = load_mapping("hubspot", facts=without("hubspot", "contacts", "lost_reason", "stagebridge_id"), lenient=True)
    assert set(m.unresolved) == {"lost_reason", "external_id"}
    assert m.field("external_id") is None
    assert {(x.name, x.label, x.type, x.unique, x.path) for x in m.missing()} == {
        ("lost_reason", "Lost reason", "string", False, "lost_reason"),
        ("stagebridge_id", "stagebridge id", "string", True, "external_id"),
    }


def test_a_missing_stage_field_is_a_picklist_of_the_lifecycle() -> None:
    account = without("salesforce", "Lead", "Lifecycle_Stage__c", lifecycle="messaging")
    m = load_mapping("salesforce", facts=account, lenient=True, lifecycle="messaging")
    [missing] = m.missing()
    assert (missing.object, missing.name, missing.type) == ("Lead", "Lifecycle_Stage__c", "enumeration")
    assert dict(missing.options) == {
        "new_lead": "New lead", "hot_lead": "Hot lead", "payment": "Payment", "customer": "Customer", "cold_lead": "Cold lead",
    }  # fmt: skip
    assert set(m.unresolved) == {"Lead.stage"}
    assert "stage" in m.writable("Contact")


def test_a_custom_field_is_provisioned_with_the_type_of_its_codec() -> None:
    m = load_mapping(
        "hubspot", facts=facts("hubspot"), custom={"seats": "int", "renewal": {"as": "date"}}, lenient=True
    )
    assert {(x.name, x.type) for x in m.missing()} == {("seats", "number"), ("renewal", "date")}


def test_a_standard_field_that_this_user_cannot_see_is_left_out_and_not_provisioned() -> None:
    m = load_mapping("salesforce", facts=without("salesforce", "Contact", "Title"), lenient=True)
    assert "job_title" not in m.readable("Contact")
    assert "job_title" in m.readable("Lead")
    assert m.missing() == []


def test_a_stage_that_the_account_has_taken_out_cannot_be_written_and_says_so() -> None:
    found = facts("hubspot")
    found["options"]["contacts"]["lifecyclestage"] = {"Lead": "lead", "Kunde": "customer"}
    m = load_mapping("hubspot", facts=found)
    payload = m.write({"stage": "advocate", "email": "zoe@example.com"})
    assert payload == {"properties": {"email": "zoe@example.com"}}
    assert "no option 'evangelist'" in payload.problems["stage"]


def test_a_setting_that_the_connection_lacks_takes_its_fields_out() -> None:
    m = load_mapping("hubspot_subscription", facts=facts("hubspot"))
    assert "consent.email" not in m.readable()
    assert m.unsupported()["consent.email"] == "the connection sets no email_subscription"


def test_a_field_of_the_account_is_found_with_and_without_its_table() -> None:
    m = hubspot()
    assert m.path_of("firstname") == m.path_of("properties.firstname") == "first_name"
    assert m.path_of("hs_lead_status") == "stage"
    assert m.field("external_id") == "properties.stagebridge_id"
    assert m.path_of("nobody") is None


def test_the_hash_changes_with_what_is_used_and_with_nothing_else() -> None:
    plain = hubspot().hash
    more = facts("hubspot")
    more["fields"]["contacts"]["Shoe size"] = "shoe_size"
    assert load_mapping("hubspot", facts=more).hash == plain
    assert load_mapping("hubspot", facts=facts("hubspot"), settings={"base_url": "x"}).hash == plain
    assert load_mapping("hubspot", facts=facts("hubspot"), default_region="DE").hash != plain
    assert load_mapping("hubspot", facts=facts("hubspot"), custom={"email2": "text"}, lenient=True).hash != plain
    assert hubspot(owners={"9": "new@example.com"}).hash != plain
    moved = facts("hubspot")
    moved["fields"]["contacts"]["Lost reason"] = "lost_reason_2"
    assert load_mapping("hubspot", facts=moved).hash != plain
    assert (
        load_mapping({"extends": "hubspot", "contact": {"fields": {"source": None}}}, facts=facts("hubspot")).hash
        != plain
    )


def test_the_hash_is_the_same_in_another_process() -> None:
    code = "from stagebridge.mapping import load_mapping; print(load_mapping('salesforce', offline=True).hash)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == load_mapping("salesforce", offline=True).hash


def test_a_record_of_no_variant_is_refused_and_not_guessed() -> None:
    m = load_mapping("salesforce", facts=facts("salesforce"))
    with pytest.raises(MappingError, match="no variant of the mapping salesforce fits this record"):
        m.read({"attributes": {"type": "Account"}})
    assert m.object_of({"attributes": {"type": "Lead"}}) == "Lead"
    assert m.objects == ("Contact", "Lead")


def test_an_overlay_may_have_the_name_of_what_it_extends(tmp_path: Any) -> None:
    (tmp_path / "hubspot.yaml").write_text("extends: hubspot\ncontact: {fields: {source: ~}}\n")
    m = load_mapping(tmp_path / "hubspot.yaml", facts=facts("hubspot"))
    assert "source" not in m.readable()


def test_every_entry_of_the_effective_mapping_says_where_it_comes_from(tmp_path: Any) -> None:
    overlay = tmp_path / "acme.yaml"
    overlay.write_text("extends: hubspot\ncontact:\n  fields:\n    phone: {max: 20}\n    job_title: properties.role\n")
    m = load_mapping(overlay, offline=True)
    lines = [str(entry) for entry in m.describe()]
    assert "    job_title: properties.role    # acme.yaml:5" in lines
    assert "      field: properties.phone    # hubspot.yaml:11" in lines
    assert "      max: 20    # acme.yaml:4" in lines
    assert "    email: properties.email    # hubspot.yaml:9" in lines
