"""What a scenario with the stagebridge app asks of our API, as the app's modules do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

MODULES: Mapping[str, tuple[str, str]] = {
    "upsertContact": ("POST", "/v1/contacts"),
    "setLifecycleStage": ("POST", "/v1/stages"),
    "recordConversion": ("POST", "/v1/conversions"),
    "searchContacts": ("GET", "/v1/contacts"),
}
"""The app's modules by their names: method and path."""
PATIENCE = 10
"""Seconds that an answer may take; Make's own limit for a module is longer."""
NAMED = re.compile(r"\{\{(\w+)\}\}")


class Refused(ValueError):
    """What Make shows of an answer that is an error, in the words of the app's base."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a user of the app entered."""

    api: str
    key: str

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON, None where it is empty. Raises `Refused`."""
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.request(
                    method, self.api + path, json=body, params=query, headers={"Authorization": f"Bearer {self.key}"},
                    timeout=PATIENCE, allow_redirects=False,
                )  # fmt: skip
            except requests.RequestException as error:
                raise Refused(f"no answer: {type(error).__name__}") from None
        said = _json(answer)
        if answer.status_code >= 400:
            told = said if isinstance(said, dict) else {}
            raise Refused(f"[{answer.status_code}] {told.get('message', '')} ({told.get('code', '')})")
        return said

    def module(self, name: str, values: Mapping[str, Any], bundle: Mapping[str, Any]) -> Any:
        """Run one module of the app. Values without a value are not sent [D]."""
        if name not in MODULES:
            raise ValueError(f"the app has no module '{name}', but {', '.join(MODULES)}")
        method, path = MODULES[name]
        given = {n: v for n, v in filled(values, bundle).items() if v is not None}
        return self.call(method, path, *((None, given) if method == "GET" else (given,)))


def filled(value: Any, bundle: Mapping[str, Any]) -> Any:
    """`{{name}}` is the bundle's value; within a longer text it is put in as text."""
    if isinstance(value, Mapping):
        return {n: filled(v, bundle) for n, v in value.items()}
    if not isinstance(value, str):
        return value
    whole = NAMED.fullmatch(value)
    if whole:
        return bundle.get(whole[1])
    return NAMED.sub(lambda m: "" if bundle.get(m[1]) is None else str(bundle[m[1]]), value)


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json() if answer.content else None
    except ValueError:
        return None


__all__ = ["Connection", "Refused"]
