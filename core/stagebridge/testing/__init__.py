"""The conformance suite: what every connector keeps, ours or a third party's, as tests that pytest collects.

    from stagebridge.testing import SandboxBench, conformance

    class Bench(SandboxBench):
        object = "people"
        poison = {"email": "no address"}

        def settings(self): return {"base_url": self.box.url, "token": "any"}
        def put(self, payloads): return self.box.seed(payloads)
        def edit(self, id, payload): self.box.seed({"edit": {id: payload}})
        def remove(self, id): self.box.seed({"remove": [id]})
        def held(self): return {p["id"]: p for p in self.box.state()["people"]}

    TestAcme = conformance(Acme, sandbox=Bench)

The connector's declared capabilities choose the checks (`checks_of`); what it declares, it has to keep. A bench puts people into
the platform and looks at what it holds without asking the connector. Needs `stagebridge[testing]`.
"""

from __future__ import annotations

import pytest

for module in (
    "account",
    "bench",
    "converting",
    "failing",
    "handing_over",
    "hooks",
    "keeping",
    "posting",
    "reading",
    "removing",
    "staging",
    "subscribing",
    "together",
    "writing",
):
    pytest.register_assert_rewrite(f"stagebridge.testing.{module}")

from stagebridge.testing.bench import Bench, SandboxBench  # noqa: E402
from stagebridge.testing.suite import Check, checks_of, conformance  # noqa: E402

__all__ = ["Bench", "Check", "SandboxBench", "checks_of", "conformance"]
