"""People who do not exist, and what a connector brings along so that the demo can include its platform."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol

from stagebridge.clock import Clock

GIVEN = (
    "Aiko Amara Anouk Björn Chiara Dariusz Eloísa Fatima Gökhan Hana Ingrid Jamal José Kateryna Lars Léa Malik Mei Nadia "
    "Nikolaos Olu Piotr Quynh Rania Renée Saoirse Søren Tomás Ute Valeriu Wanjiru Xenia Yusuf Zoë"
).split()
FAMILY = (
    "Ångström Bauer Çelik Dubois Eriksen Ferreira Grünwald Haddad Ivanova Jørgensen Kowalczyk Lindqvist Müller Nguyen "
    "O'Brien Papadakis Quispe Rossi Sørensen Tanaka Uzun Vasić Wójcik Xavier Yılmaz Zielińska"
).split()
COMPANIES = (
    "Abendrot GmbH",
    "Blue Heron Ltd",
    "Café Zénith",
    "Dünenwind AG",
    "Estrela Lda",
    "Fjordlys AS",
    "Granat s.r.o.",
)
TAG = "promoter"
"""What an automation marks people with."""
STAGES = ("subscriber", "lead", "marketing_qualified", "sales_qualified", "opportunity", "customer")
# numbers that regulators keep free for fiction, or that nobody is given
NUMBERS = ("+44207946{:04d}", "+1202555{:04d}", "+4930231{:05d}", "+336399{:05d}", "+61255506{:03d}")


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person; `known_to` says which of the platforms (by position) hold him from the start."""

    email: str
    first_name: str
    last_name: str
    company: str
    phone: str
    stage: str
    known_to: frozenset[int]


def people(count: int, platforms: int, seed: int = 7) -> list[Person]:
    """Invented people; three in four are known to every platform, the others to one."""
    chance = random.Random(seed)
    out = []
    for i in range(count):
        first, last = chance.choice(GIVEN), chance.choice(FAMILY)
        everywhere = frozenset(range(platforms))
        known = everywhere if chance.random() < 0.75 else frozenset({chance.randrange(platforms)})
        number = chance.choice(NUMBERS)
        digits = 10 ** (3 if ":03d" in number else 4 if ":04d" in number else 5)
        out.append(
            Person(
                f"person{i:04d}@example.com", first, last, chance.choice(COMPANIES), number.format(chance.randrange(digits)),
                chance.choice(STAGES), known,
            )
        )  # fmt: skip
    return out


class Witness(Protocol):
    """The platform as its own official client sees it: edits are a person's edits, and what it reads was not read by us."""

    def edit(self, email: str, values: Mapping[str, str]) -> None:
        """Change canonical paths of one person, by hand so to speak."""
        ...

    def holds(self) -> list[dict[str, str]]:
        """Every record, in canonical paths: email, stage, and of first_name, last_name, name and job_title those that the
        platform has."""
        ...


class Account(Protocol):
    """What a connector gives to the demo (entry point `stagebridge.demos`)."""

    def connection(self, url: str) -> dict[str, Any]:
        """The connection's entry in the configuration, pointed at the stand-in."""
        ...

    def seed(self, known: Sequence[Person]) -> Any:
        """These people in the form that the stand-in is seeded with, spelt as people spell."""
        ...

    def witness(self, url: str) -> Witness: ...


class Audience(Protocol):
    """What the connector of an advertising platform gives to the demo (entry point `stagebridge.audiences`)."""

    stages: bool
    """Whether it takes the stages of a CRM, of people whom it has no id of its own of."""

    def connection(self, url: str) -> dict[str, Any]:
        """The connection's entry in the configuration, pointed at the stand-in."""
        ...

    def seed(self) -> Any:
        """What its stand-in needs before it counts anything; None for nothing."""
        ...

    def books(self, state: Any) -> tuple[int, int]:
        """What the platform says that it counted, and dropped as known, out of its stand-in's state."""
        ...


class Automation(Protocol):
    """What the connector of an automation service gives to the demo (entry point `stagebridge.automations`)."""

    does: str
    """What its automation does about what it hears: a clause."""

    def connection(self, url: str) -> dict[str, Any]:
        """The connection's entry in the configuration, pointed at the stand-in."""
        ...

    def subscribe(self, url: str, api: str, key: str, event: str, clock: Clock) -> None:
        """Have a user of the stand-in at `url`, on its clock, make an automation of an event with a key of our API."""
        ...

    def heard(self) -> list[Mapping[str, Any]]:
        """The messages that came."""
        ...

    def act(self) -> int:
        """Let it do what it does about them; how often it did."""
        ...

    def leave(self) -> None:
        """Switch it off."""
        ...


def automations() -> dict[str, Automation]:
    """Installed automation services that take part, by name."""
    found = sorted(entry_points(group="stagebridge.automations"), key=lambda e: e.name)
    return {e.name: e.load()() for e in found}


def audiences() -> dict[str, Audience]:
    """Installed advertising platforms that take part, by name."""
    found = sorted(entry_points(group="stagebridge.audiences"), key=lambda e: e.name)
    return {e.name: e.load()() for e in found}


def accounts() -> dict[str, Account]:
    """Installed platforms that take part, by name."""
    found = sorted(entry_points(group="stagebridge.demos"), key=lambda e: e.name)
    return {e.name: e.load()() for e in found}


def respelt(text: str, chance: random.Random) -> str:
    """The same e-mail address as somebody else would type it."""
    return chance.choice((text, text.capitalize(), text.upper(), f" {text}"))
