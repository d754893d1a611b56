"""Putting a suite together out of what a connector declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stagebridge.connector import Connector
from stagebridge.testing.account import Account, Provisioning
from stagebridge.testing.bench import Bench, SandboxBench
from stagebridge.testing.converting import Counting, Recording, Sending, Telling
from stagebridge.testing.failing import Discretion, Expiring, Hiding, Network, Rewriting, WritingThrough
from stagebridge.testing.handing_over import HandingOver
from stagebridge.testing.hooks import Hooks
from stagebridge.testing.keeping import Checks, has_stand_in
from stagebridge.testing.posting import Pacing, Posting, Unconfirmed
from stagebridge.testing.reading import Deleted, Finding, Incremental, Reading
from stagebridge.testing.removing import Archiving, Emptying, Erasing
from stagebridge.testing.staging import Staging
from stagebridge.testing.subscribing import Subscribing
from stagebridge.testing.together import Losing, Together
from stagebridge.testing.writing import Answering, Doubling, Loading, UnderKey, Writing

GROUPS: tuple[type[Checks], ...] = (
    Account, Provisioning, Reading, Finding, Incremental, Deleted, Writing, UnderKey, Doubling, Answering, Loading, Staging, Archiving,
    Erasing, Emptying, Sending, Counting, Recording, Hooks,
    Posting, Unconfirmed, Pacing, Subscribing, HandingOver, Network, Expiring, Hiding, WritingThrough, Rewriting, Discretion, Telling, Together, Losing,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `sentence` is what a connector keeps, `needs` when it is asked to."""

    name: str
    sentence: str
    needs: str


def _checks(group: type[Checks]) -> Iterator[Check]:
    for name in vars(group):
        if name.startswith("test_"):
            yield Check(name, name.removeprefix("test_").replace("_", " "), group.needs)


def checks_of(connector: type[Connector] | None = None) -> list[Check]:
    """The checks that a connector's capabilities and its stand-in choose; all of them where none is given."""
    return [c for g in GROUPS if connector is None or g.applies(connector) for c in _checks(g)]


def conformance(connector: type[Connector], *, sandbox: type[Bench]) -> type[Checks]:
    """A class of tests for pytest: `TestAcme = conformance(Acme, sandbox=AcmeBench)`.

    Raises `TypeError` where the platform has a stand-in and the bench does not use it.
    """
    if has_stand_in(connector) and not issubclass(sandbox, SandboxBench):
        raise TypeError(f"{connector.platform} has a stand-in: {sandbox.__name__} must be a SandboxBench")
    groups = tuple(g for g in GROUPS if g.applies(connector))
    bench = type(sandbox.__name__, (sandbox,), {"connector": connector})
    return type(f"Conformance[{connector.platform}]", groups, {"bench_class": bench, "__doc__": sandbox.__doc__})


__all__ = ["Check", "checks_of", "conformance"]
