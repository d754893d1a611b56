"""tests/mappings is the language's specification: every valid file does what stands beside it, every invalid one is
refused with exactly the message beside it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from stagebridge.errors import ConfigError
from stagebridge.mapping import Mapping, load_mapping
from stagebridge.values import same

SPECIFICATION = Path(__file__).parents[1] / "mappings"
ACCOUNT = orjson.loads((SPECIFICATION / "account.json").read_bytes())
INVALID = sorted((SPECIFICATION / "invalid").glob("*.txt"))
VALID = [
    pytest.param(path.with_suffix(".yaml"), case, id=f"{path.stem}: {case['why'][:60]}")
    for path in sorted((SPECIFICATION / "valid").glob("*.json"))
    for case in orjson.loads(path.read_bytes())
]


def loaded(file: Path) -> Mapping:
    """Files that name anything of an account are resolved against account.json."""
    return load_mapping(file, facts=ACCOUNT) if file.stem.startswith("account_") else load_mapping(file)


@pytest.mark.parametrize("expected", INVALID, ids=lambda p: p.stem)
def test_a_wrong_mapping_is_refused_with_file_line_path_and_what(expected: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(expected.with_suffix(".yaml"))
    assert str(refused.value) == expected.read_text("utf-8").strip()


@pytest.mark.parametrize(("file", "case"), VALID)
def test_a_right_mapping_reads_and_writes_what_stands_beside_it(file: Path, case: dict[str, Any]) -> None:
    m = loaded(file)
    record = case["record"]
    if record is not None:
        view = m.read(record)
        assert view == {p: canonical(v) for p, v in case["reads"].items()}
        assert view.variant == case.get("object", m.create_object)
    contact = {p: canonical(v) for p, v in case["contact"].items()}
    payload = m.write(contact, onto=record)
    assert (payload, payload.problems) == (case["payload"], case.get("problems", {}))
    after = m.read(m.applied(record, payload, payload.variant), payload.variant)
    assert all(same(after.get(p), m.image(contact, payload.variant)[p]) for p in payload.paths)


def test_every_valid_and_invalid_file_is_tried() -> None:
    tried = {p.stem for p in INVALID} | {"circle_back"}
    assert {p.stem for p in (SPECIFICATION / "invalid").glob("*.yaml")} == tried
    beside = {p.stem for p in (SPECIFICATION / "valid").glob("*.json")}
    assert {p.stem for p in (SPECIFICATION / "valid").glob("*.yaml")} == beside


def canonical(value: Any) -> Any:
    """A canonical value as JSON can hold it: a list is a set, `date:` and `datetime:` say what they are."""
    if isinstance(value, list):
        return frozenset(value)
    if isinstance(value, str) and value.startswith("date:"):
        return date.fromisoformat(value[5:])
    return datetime.fromisoformat(value[9:]) if isinstance(value, str) and value.startswith("datetime:") else value
