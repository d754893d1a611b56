"""TikTok in the demo: a pixel that counts."""

from __future__ import annotations

from typing import Any

PIXEL = "CSANDBOXPIXEL0000001"


class Demo:
    stages = False  # a CRM event set takes people whom TikTok has a lead id of

    def connection(self, url: str) -> dict[str, Any]:
        return {"type": "tiktok", "token": "${DEMO_SECRET}", "pixel": PIXEL, "base_url": url}

    def seed(self) -> Any:
        return None

    def books(self, state: Any) -> tuple[int, int]:
        pixel = state["sources"][PIXEL]
        return len(pixel["counted"]), len(pixel["duplicates"])
