"""The stand-ins as their users see them: people who add, edit, move on and delete records by hand, in canonical words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stagebridge.contact import full_name
from stagebridge.sandbox import Sandbox


class Hands:
    """One account. `paths` are the canonical paths that a person types there, and their names."""

    paths: Mapping[str, str] = {}
    stages: Mapping[str, str] = {}
    backward = False
    """Whether the platform lets a person move a stage back."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box

    def records(self) -> Iterator[Mapping[str, Any]]:
        """What there is, in the platform's own form."""
        raise NotImplementedError

    def add(self, email: str, stage: str) -> None:
        raise NotImplementedError

    def edit(self, id_: str, values: Mapping[str, str]) -> None:
        """Change canonical paths of a record."""
        raise NotImplementedError

    def delete(self, id_: str) -> None:
        raise NotImplementedError

    def seen(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record in canonical words: id, email, stage, name, and of the other paths those that there are."""
        raise NotImplementedError

    # --- what is made of these ---------------------------------------------------------------------------------

    def all(self) -> list[dict[str, Any]]:
        return [self.seen(r) for r in self.records()]

    def one(self, number: int) -> list[dict[str, Any]]:
        """The record of this number, if there is any."""
        there = [r for r in self.all() if r["email"]]
        return there[number % len(there) :][:1] if there else []

    def ids(self, email: str) -> list[str]:
        return [r["id"] for r in self.all() if r["email"] == email]

    def stage(self, id_: str) -> Any:
        return next(r["stage"] for r in self.all() if r["id"] == id_)

    def theirs(self, values: Mapping[str, str]) -> dict[str, str]:
        """Canonical values under the platform's own names."""
        return {self.paths.get(p, p): self.stages.get(v, v) if p == "stage" else v for p, v in values.items()}

    def ours(self, stage: Any) -> Any:
        return {v: k for k, v in self.stages.items()}.get(stage, stage)


class HubSpotHands(Hands):
    paths: Mapping[str, str] = {"first_name": "firstname", "job_title": "jobtitle", "stage": "lifecyclestage"}
    stages: Mapping[str, str] = {"marketing_qualified": "marketingqualifiedlead"}

    def records(self) -> Iterator[Mapping[str, Any]]:
        yield from self.box.state()["contacts"]

    def add(self, email: str, stage: str) -> None:
        self.box.seed([{"email": email, "lastname": "L", **self.theirs({"stage": stage})}])

    def edit(self, id_: str, values: Mapping[str, str]) -> None:
        self.box.seed({"edit": {id_: self.theirs(values)}})

    def delete(self, id_: str) -> None:
        self.box.seed({"archive": [id_]})

    def seen(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": record["id"], "email": record.get("email"), "stage": self.ours(record.get("lifecyclestage", "")),
            "first_name": record.get("firstname") or None, "job_title": record.get("jobtitle") or None,
            "name": full_name(record.get("firstname"), record.get("lastname")),
        }  # fmt: skip

    def also_known_as(self, email: str) -> bool:
        """Whether a merge left this address to somebody as a further one."""
        return any(email in c.get("hs_additional_emails", "").split(";") for c in self.records())


class OwnStagesHands(HubSpotHands):
    """A HubSpot whose account has stages of its own."""

    stages: Mapping[str, str] = {"marketing_qualified": "77001"}


class SalesforceHands(Hands):
    paths: Mapping[str, str] = {"first_name": "FirstName", "job_title": "Title", "stage": "Lifecycle_Stage__c"}
    backward = True

    def records(self) -> Iterator[Mapping[str, Any]]:
        state = self.box.state()
        yield from (*state["Contact"], *state["Lead"])

    def add(self, email: str, stage: str) -> None:
        self.box.seed({"Contact": [{"LastName": "L", "Email": email, **self.theirs({"stage": stage})}]})

    def edit(self, id_: str, values: Mapping[str, str]) -> None:
        self.box.seed({"edit": {id_: self.theirs(values)}})

    def delete(self, id_: str) -> None:
        self.box.seed({"delete": [id_]})

    def seen(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": record["Id"], "email": (record.get("Email") or "").lower() or None, "stage": record.get("Lifecycle_Stage__c"),
            "first_name": record.get("FirstName"), "job_title": record.get("Title"),
            "name": full_name(record.get("FirstName"), record.get("LastName")),
        }  # fmt: skip


class OmnisendHands(Hands):
    paths: Mapping[str, str] = {"first_name": "firstName", "stage": "lifecycle_stage"}
    backward = True

    def records(self) -> Iterator[Mapping[str, Any]]:
        yield from self.box.state()["contacts"]

    def add(self, email: str, stage: str) -> None:
        made = {"email": email, "lastName": "L", "customProperties": {"lifecycle_stage": stage}}
        self.box.seed({"contacts": [made]})

    def edit(self, id_: str, values: Mapping[str, str]) -> None:
        given = self.theirs(values)
        stage = given.pop("lifecycle_stage", None)
        self.box.seed({"edit": {id_: {**given, **({"customProperties": {"lifecycle_stage": stage}} if stage else {})}}})

    def delete(self, id_: str) -> None:
        self.box.seed({"remove": [id_]})

    def seen(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": record["id"], "email": record.get("email"), "stage": record.get("customProperties", {}).get("lifecycle_stage"),
            "first_name": record.get("firstName") or None, "name": full_name(record.get("firstName"), record.get("lastName")),
        }  # fmt: skip


class ZendeskHands(Hands):
    """One field for the whole name."""

    paths: Mapping[str, str] = {"name": "name", "stage": "lifecycle_stage"}
    backward = True

    def records(self) -> Iterator[Mapping[str, Any]]:
        yield from (u for u in self.box.state()["users"] if not u["deleted"] and u["role"] == "end-user")

    def add(self, email: str, stage: str) -> None:
        self.box.seed([{"email": email, "name": "L", "user_fields": {"lifecycle_stage": f"ls_{stage}"}}])

    def edit(self, id_: str, values: Mapping[str, str]) -> None:
        given: dict[str, Any] = dict(values)
        stage = given.pop("stage", None)
        self.box.seed(
            {"edit": {id_: {**given, **({"user_fields": {"lifecycle_stage": f"ls_{stage}"}} if stage else {})}}}
        )

    def delete(self, id_: str) -> None:
        self.box.seed({"delete": [id_]})

    def seen(self, record: Mapping[str, Any]) -> dict[str, Any]:
        stage = (record.get("user_fields") or {}).get("lifecycle_stage")
        return {
            "id": str(record["id"]), "email": record.get("email"), "name": record["name"],
            "stage": stage.removeprefix("ls_") if stage else None,
        }  # fmt: skip
