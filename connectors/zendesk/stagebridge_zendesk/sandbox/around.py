"""What stands around the users: their identities and fields, organisations."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_zendesk.sandbox.account import Account
from stagebridge_zendesk.sandbox.answers import Invalid, Refusal, host, page, wrong
from stagebridge_zendesk.sandbox.door import Door
from stagebridge_zendesk.sandbox.fields import CHOICES, Field
from stagebridge_zendesk.sandbox.lists import MANY
from stagebridge_zendesk.sandbox.organizations import Organization
from stagebridge_zendesk.sandbox.rules import EMAIL
from stagebridge_zendesk.sandbox.user import IDENTITIES, Identity, User

# --- identities ----------------------------------------------------------------------------------------------------


def identities(account: Account, door: Door, call: Call, user_id: str) -> Answer:
    user = account.user(user_id, deleted=True)
    kinds = {*call.listed("type"), *call.listed("type[]")}
    found = [i for i in user.identities if not kinds or i.type in kinds]
    return page(account.errors, call, "identities", found, lambda i: i.shown(user.id, host(call)))


def add_identity(account: Account, door: Door, call: Call, user_id: str) -> Answer:
    call.records = 1
    user, given = account.user(user_id), account.body(call, "identity")
    kind, value = given.get("type"), given.get("value")
    if kind not in IDENTITIES:
        raise Refusal(account.errors.attribute("type"))
    if not isinstance(value, str) or not value:
        raise Invalid(wrong("value", "BlankValue", "Value: cannot be blank"))
    _free(account, user, kind, value)
    verified = given.get("verified") is True or given.get("verification_method") in ("low", "sso", "embed", "full")
    made = account.people.add_identity(
        user, kind, value, account.now, verified=verified, primary=given.get("primary") is True
    )
    if kind == "email" and not given.get("skip_verify_email") and not verified:
        account.people.mail(value, account.now)
    if made.primary:
        account.people.make_primary(user, made, account.now)
    account.people.touch(user, account.now)
    return Answer(
        201, {"identity": made.shown(user.id, host(call))}, {"Location": f"{host(call)}{call.path}/{made.id}"}
    )


def _free(account: Account, user: User, kind: str, value: str) -> None:
    if kind != "email":
        return
    if not EMAIL.match(value.strip()):
        raise Invalid(wrong("value", "InvalidFormat", f"Email: {value} is not properly formatted"))
    if account.people.addressed(value) is not None:
        raise Invalid(wrong("value", "DuplicateValue", f"Email: {value} is already being used by another user"))


def identity(account: Account, door: Door, call: Call, user_id: str, id_: str) -> Answer:
    user = account.user(user_id, deleted=True)
    return Answer(200, {"identity": _identity(account, user, id_).shown(user.id, host(call))})


def change_identity(account: Account, door: Door, call: Call, user_id: str, id_: str) -> Answer:
    """The value and whether it is verified; not whether it is the primary one."""
    call.records = 1
    user, given = account.user(user_id), account.body(call, "identity")
    found = _identity(account, user, id_)
    if (value := given.get("value")) and value != found.value:
        if account.people.addressed(value) is not user:
            _free(account, user, found.type, value)
        account.people.change_identity(user, found, value, account.now)
    if "verified" in given or "verification_method" in given:
        found.verified = given.get("verified") in (True, "true") or given.get("verification_method") not in (
            None,
            "none",
        )
        user.values["verified"] = any(i.verified for i in user.of_type("email"))
        found.updated = account.now
    return Answer(200, {"identity": found.shown(user.id, host(call))})


def make_primary(account: Account, door: Door, call: Call, user_id: str, id_: str) -> Answer:
    call.records = 1
    user = account.user(user_id)
    account.people.make_primary(user, _identity(account, user, id_), account.now)
    return Answer(200, {"identities": [i.shown(user.id, host(call)) for i in user.identities]})


def drop_identity(account: Account, door: Door, call: Call, user_id: str, id_: str) -> Answer:
    call.records = 1
    user = account.user(user_id)
    account.people.drop_identity(user, _identity(account, user, id_), account.now)
    return Answer(204)


def _identity(account: Account, user: User, id_: str) -> Identity:
    found = next((i for i in user.identities if str(i.id) == id_), None)
    if found is None:
        raise Refusal(account.errors.not_found())
    return found


# --- user fields ---------------------------------------------------------------------------------------------------


def user_fields(account: Account, door: Door, call: Call) -> Answer:
    found = [f for f in account.fields.held.values() if f.key not in account.hidden()]
    return page(account.errors, call, "user_fields", found, lambda f: f.shown(host(call)))


def create_field(account: Account, door: Door, call: Call) -> Answer:
    made = account.fields.define(account.body(call, "user_field"), account.now)
    location = {"Location": f"{host(call)}/api/v2/user_fields/{made.id}.json"}
    return Answer(201, {"user_field": made.shown(host(call))}, location)


def user_field(account: Account, door: Door, call: Call, id_: str) -> Answer:
    return Answer(200, {"user_field": _field(account, id_).shown(host(call))})


def change_field(account: Account, door: Door, call: Call, id_: str) -> Answer:
    found = _field(account, id_)
    lost = account.fields.change(found, account.body(call, "user_field"), account.now)
    account.people.lose_option(found, lost, account.now)
    return Answer(200, {"user_field": found.shown(host(call))})


def drop_field(account: Account, door: Door, call: Call, id_: str) -> Answer:
    del account.fields.held[_field(account, id_).id]
    return Answer(204)


def options(account: Account, door: Door, call: Call, id_: str) -> Answer:
    found = _field(account, id_)
    return page(account.errors, call, "custom_field_options", found.options, lambda o: found.option(o, host(call)))


def put_option(account: Account, door: Door, call: Call, id_: str) -> Answer:
    """200 for one that was there, by its id; 201 for a new one."""
    found = _field(account, id_)
    if found.type not in CHOICES:
        raise Refusal(account.errors.not_found())
    option, new = account.fields.put_option(found, account.body(call, "custom_field_option"), account.now)
    location = {"Location": f"/api/v2/user_fields/{found.id}/options"}
    return Answer(201 if new else 200, {"custom_field_option": found.option(option, host(call))}, location)


def drop_option(account: Account, door: Door, call: Call, id_: str, option_id: str) -> Answer:
    found = _field(account, id_)
    option = next((o for o in found.options if str(o["id"]) == option_id), None)
    if option is None:
        raise Refusal(account.errors.not_found())
    found.options.remove(option)
    account.people.lose_option(found, [option["value"]], account.now)
    return Answer(204)


def _field(account: Account, id_: str) -> Field:
    found = account.fields.held.get(int(id_)) if id_.isdigit() else account.fields.by_key(id_)
    if found is None or found.key in account.hidden():
        raise Refusal(account.errors.not_found())
    return found


# --- organisations -------------------------------------------------------------------------------------------------


def organizations(account: Account, door: Door, call: Call) -> Answer:
    return _organizations(account, call, list(account.organizations.held.values()))


def search_organizations(account: Account, door: Door, call: Call) -> Answer:
    """By external id or by the exact name."""
    external, name = call.query.get("external_id"), call.query.get("name")
    if external is None and name is None:
        raise Refusal(account.errors.missing("external_id"))
    one = account.organizations.external(external) if external else account.organizations.named(name or "")
    return _organizations(account, call, [one] if one is not None else [])


def show_many_organizations(account: Account, door: Door, call: Call) -> Answer:
    ids, externals = call.listed("ids"), call.listed("external_ids")
    if len(ids or externals) > MANY:
        raise Refusal(account.errors.text(400, "TooManyValues", f"No more than {MANY} ids at once"))
    held = account.organizations
    found = [held.get(i) for i in ids] if ids else [held.external(e) for e in externals]
    return _organizations(account, call, [o for o in found if o is not None])


def _organizations(account: Account, call: Call, found: list[Organization]) -> Answer:
    return page(account.errors, call, "organizations", found, lambda o: o.shown(host(call)))


def organization(account: Account, door: Door, call: Call, id_: str) -> Answer:
    return Answer(200, {"organization": _organization(account, id_).shown(host(call))})


def create_organization(account: Account, door: Door, call: Call) -> Answer:
    call.records = 1
    return _made(account, call, account.body(call, "organization"))


def create_or_update_organization(account: Account, door: Door, call: Call) -> Answer:
    """By id or external id; a name that is taken is refused, not matched."""
    call.records = 1
    given = account.body(call, "organization")
    held = account.organizations
    found = held.get(given["id"]) if given.get("id") else None
    if found is None and given.get("external_id"):
        found = held.external(str(given["external_id"]))
    return _made(account, call, given) if found is None else _changed(account, door, call, found, given)


def change_organization(account: Account, door: Door, call: Call, id_: str) -> Answer:
    call.records = 1
    return _changed(account, door, call, _organization(account, id_), account.body(call, "organization"))


def delete_organization(account: Account, door: Door, call: Call, id_: str) -> Answer:
    call.records = 1
    gone = account.organizations.held.pop(_organization(account, id_).id)
    for user in account.people.living():
        if user.values["organization_id"] == gone.id:
            account.people.update(user, {"organization_id": None}, account.now)
    return Answer(204)


def _made(account: Account, call: Call, given: dict[str, Any]) -> Answer:
    made = account.organizations.create(given, account.now)
    location = {"Location": f"{host(call)}/api/v2/organizations/{made.id}.json"}
    return Answer(201, {"organization": made.shown(host(call))}, location)


def _changed(account: Account, door: Door, call: Call, found: Organization, given: dict[str, Any]) -> Answer:
    if (refused := door.count("update-organization", found.id)) is not None:
        return refused
    account.organizations.update(found, given, account.now)
    return Answer(200, {"organization": found.shown(host(call))})


def _organization(account: Account, id_: str) -> Organization:
    found = account.organizations.get(id_)
    if found is None:
        raise Refusal(account.errors.not_found())
    return found
