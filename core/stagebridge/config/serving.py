"""The `serve:` section: where webhooks are received, and what platforms call it."""

from __future__ import annotations

from urllib.parse import urlsplit

from stagebridge.config.problems import Problems
from stagebridge.config.references import References
from stagebridge.config.values import ServeConfig
from stagebridge.document import Table

KEYS = ("public_url", "host", "port", "timeout")
HIGHEST = 65535


class Serving:
    def __init__(self, problems: Problems, references: References) -> None:
        self.problems = problems
        self.references = references

    def read(self, table: Table) -> ServeConfig:
        self.problems.keys(table, KEYS, "serve")
        usual = ServeConfig()
        port = self.problems.whole(table, "port", "serve.port", usual.port, least=0)
        if port > HIGHEST:
            self.problems.add(table, "port", "serve.port", f"'{port}' is no port; they end at {HIGHEST}")
        host = self.problems.word(table, "host", "serve.host") or usual.host
        host = self.references.resolve(table, "host", "serve.host", host)
        timeout = self.problems.duration(table, "timeout", "serve.timeout", usual.timeout)
        return ServeConfig(self._public(table), host, port, timeout)

    def _public(self, table: Table) -> str | None:
        given = self.problems.word(table, "public_url", "serve.public_url")
        if given is None:
            return None
        before = len(self.problems)
        url = self.references.resolve(table, "public_url", "serve.public_url", given)
        if len(self.problems) == before and not usable(url):
            self.problems.add(
                table, "public_url", "serve.public_url",
                f"'{url}' is no address that a platform can call; write for example https://hooks.example.com",
            )  # fmt: skip
        return url.rstrip("/")


def usable(url: str) -> bool:
    """An http(s) address, with a path or without, and nothing after it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not (
            parts.query or parts.fragment or parts.username or url.endswith(("?", "#")) or parts.port == 0
        )  # fmt: skip
    except ValueError:
        return False


__all__ = ["Serving"]
