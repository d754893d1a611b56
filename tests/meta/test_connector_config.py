"""A Meta connection as `stagebridge.yaml` says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagebridge.config import load_config
from stagebridge.errors import ConfigError
from stagebridge.sync.setup import open_side
from stagebridge_meta import Meta, MetaSettings

FILE = """\
version: 1
connections:
  ads:
    type: meta
    dataset: "1234567890"
    token: ${META_TOKEN}
    datasets:
      instagram: {id: "77", token: "${IG_TOKEN}"}
      crm: {id: "88"}
    crm_name: Acme CRM
    page_id: "100"
    forms: ["55501", "55502"]
    data_processing_options: [LDU]
    data_processing_options_country: 1
    data_processing_options_state: 1000
    opt_out: false
    dedup: 24h
    custom: {plan: text}
"""
SECRETS = {"META_TOKEN": "EAAmain", "IG_TOKEN": "EAAinstagram"}


def written(folder: Path, text: str) -> Path:
    path = folder / "stagebridge.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_connection_is_read_with_its_datasets_and_its_secrets_stay_secret(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, FILE), SECRETS)
    settings = config.connections["ads"].settings
    assert isinstance(settings, MetaSettings)
    assert (settings.forms, settings.dedup, settings.opt_out) == (("55501", "55502"), 86400.0, False)
    assert (settings.data_processing_options, settings.data_processing_options_state) == (("LDU",), 1000)
    assert settings.datasets.instagram is not None
    assert settings.datasets.instagram.token is not None
    assert settings.datasets.instagram.token.get_secret_value() == "EAAinstagram"
    assert not [s for s in SECRETS.values() if s in repr(settings)]
    side = open_side(config.connections["ads"], config.lifecycle)
    assert isinstance(side.connector, Meta)
    assert side.mapping.objects == ("leads",)
    assert side.mapping.read({"id": "1", "field_data": [{"name": "plan", "values": ["gold"]}]})["custom.plan"] == "gold"
    side.connector.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("    test_event_code: TEST1\n", "test_mode: true"), ("    datasets: {fax: {id: '1'}}\n", "fax"),
        ("    datasets: {web: {id: shop}}\n", "connections.ads.datasets.web.id"),
        ("    datasets: {web: {id: '1', token: EAAplain}}\n", "a secret stands here in plain text"),
    ],
)  # fmt: skip
def test_a_wrong_connection_is_told_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    head = "version: 1\nconnections:\n  ads:\n    type: meta\n    token: ${META_TOKEN}\n"
    with pytest.raises(ConfigError) as told:
        load_config(written(tmp_path, head + line), SECRETS)
    assert said in str(told.value)
