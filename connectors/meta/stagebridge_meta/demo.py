"""Meta in the demo: a dataset that counts."""

from __future__ import annotations

from typing import Any

DATASET = "1234567890"


class Demo:
    stages = True

    def connection(self, url: str) -> dict[str, Any]:
        return {"type": "meta", "token": "${DEMO_SECRET}", "dataset": DATASET, "base_url": url}

    def seed(self) -> Any:
        return None

    def books(self, state: Any) -> tuple[int, int]:
        dataset = state["datasets"][DATASET]
        return len(dataset["counted"]), len(dataset["duplicates"])
