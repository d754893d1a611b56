"""Who may tell us anything: each scheme against signatures that somebody else made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from pydantic import ValidationError

from stagebridge.clock import ManualClock
from stagebridge.config import load_config
from stagebridge.connector import HookRequest, Record
from stagebridge.errors import AuthError, ConfigError
from stagebridge.sync.setup import open_side
from stagebridge_webhook import Webhook

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2))
BODY = b'{"id": 12345678901234567890123, "name": "Zo\xc3\xab"}'


def hook(headers: dict[str, str], body: bytes = BODY, path: str = "/hooks/shop") -> HookRequest:
    lower = {k.lower(): v for k, v in headers.items()}
    return HookRequest("POST", f"https://hooks.example.com{path}", lower, body)


def made(**settings: Any) -> Webhook:
    return Webhook(clock=ManualClock(NOW), **settings)


def vectors() -> dict[str, Any]:
    folder = Path(os.environ.get("STAGEBRIDGE_SPECS", Path(__file__).parents[3] / "shared" / "specs"))
    path = folder / "standard-webhooks" / "webhook_vectors.json"
    if not path.is_file():
        pytest.skip("the vectors are not here: STAGEBRIDGE_SPECS names their folder")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def refused(connector: Webhook, request: HookRequest) -> bool:
    try:
        connector.receive(request)
    except AuthError as error:
        return error.code == "SB-WEBHOOK-SIGNATURE"
    return False


SCHEMES: dict[str, dict[str, Any]] = {
    "standard_webhooks": {"scheme": "standard"},
    "typeform": {"scheme": "typeform"},
    "respondio": {"scheme": "hmac", "header": "X-Webhook-Signature", "encoding": "base64"},
    "github": {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="},
    "zendesk": {
        "scheme": "hmac", "header": "X-Zendesk-Webhook-Signature", "encoding": "base64", "separator": "",
        "timestamp_header": "X-Zendesk-Webhook-Signature-Timestamp", "window": 10 * 365 * 86400,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMES)
def test_the_vectors_of_others_pass_and_nothing_beside_them(name: str) -> None:
    found = vectors()
    vector = found[name]
    body = vector.get("body", found["body"]).encode()
    headers = {k: v for k, v in vector.items() if "-" in k}
    connector = made(secret=vector["secret"], **SCHEMES[name])
    if name == "github":  # its body is no JSON: the signature is right, and that is all
        with pytest.raises(AuthError) as caught:
            connector.receive(hook(headers, body))
        assert caught.value.code == "SB-WEBHOOK-BODY"
    else:
        assert connector.receive(hook(headers, body))[0].data == json.loads(body)
    assert refused(connector, hook(headers, body + b" "))
    for header, value in headers.items():
        assert refused(connector, hook({**headers, header: value[:-3]}, body)), header


def test_what_the_reference_library_signs_is_accepted_under_the_new_and_the_old_secret() -> None:
    connector = made(secret=NEW, old_secret=OLD)
    for secret in (NEW, OLD):
        signature = standardwebhooks.Webhook(secret).sign("msg_1", NOW, BODY.decode())
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(NOW.timestamp())),
            "webhook-signature": signature,
        }
        both = {**headers, "webhook-signature": f"v1a,AAAA v1,BBBB {signature}"}
        for given in (headers, both):
            [record] = connector.receive(hook(given))
            assert record.data["id"] == 12345678901234567890123
            assert record.id == connector.delivery_id(hook(given)) == "msg_1"
        assert refused(made(secret="whsec_" + base64.b64encode(b"3" * 24).decode()), hook(headers))


@pytest.mark.parametrize(("seconds", "stale"), [(-301, True), (-299, False), (299, False), (301, True)])
def test_a_signed_time_counts_within_five_minutes_of_ours_both_ways(seconds: int, stale: bool) -> None:
    stamp = str(int(NOW.timestamp()) + seconds)
    signed = base64.b64encode(
        hmac.new(bytes([2]) * 24, f"m.{stamp}.".encode() + BODY, hashlib.sha256).digest()
    ).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signed}"}
    assert refused(made(secret=NEW), hook(headers)) is stale


def test_a_secret_path_is_its_last_part_and_nothing_else() -> None:
    secret = "s" * 15 + "-"
    connector = made(scheme="path", secret=secret)
    assert connector.receive(hook({}, path=f"/hooks/shop/{secret}?a=b"))
    for path in (
        "/hooks/shop",
        "/hooks/shop/",
        f"/hooks/shop/{secret}/",
        f"/hooks/shop?{secret}",
        f"/hooks/shop/{secret[:-1]}",
    ):
        assert refused(connector, hook({}, path=path)), path


def test_a_body_that_is_a_list_is_several_records_with_ids_of_their_own() -> None:
    connector = made(scheme="path", secret="s" * 16)
    told = connector.receive(hook({}, b'[{"a": 1}, {"a": 1}]', f"/hooks/shop/{'s' * 16}"))
    assert [r.data for r in told] == [{"a": 1}] * 2
    assert len({r.id for r in told}) == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"secret": ""}, "it is empty"),
        ({"secret": "whsec_%"}, "whsec_ and base64"),
        ({"scheme": "path", "secret": "short"}, "16 or more"),
        ({"scheme": "path", "secret": "s" * 16 + "/"}, "16 or more"),
        ({"secret": NEW, "header": "x-mine"}, "only `scheme: hmac` is told that"),
        ({"scheme": "hmac", "secret": "very-secret", "header": "no header"}, "no name of a header"),
        ({"scheme": "hmac", "secret": "very-secret", "old_secret": ""}, "old_secret: it is empty"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said_and_never_its_secret(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        made(**settings)
    assert not settings["secret"] or settings["secret"] not in str(caught.value)


def test_a_connection_without_a_mapping_says_what_it_lacks_and_a_form_has_one() -> None:
    with pytest.raises(ConfigError, match=r"write `mapping: NAME\.yaml`") as caught:
        _ = made(secret=NEW).default_mapping
    assert caught.value.code == "SB-WEBHOOK-MAPPING"
    assert made(scheme="typeform", secret="s").default_mapping == "typeform"


STRINGIFIED = {
    b'{ "a" : [1.0, 1E5, -0.0, 0.000001, 0.0000001, 1e21, 123456789012345678901234, 1.50] }':
        '{"a":[1,100000,0,0.000001,1e-7,1e+21,1.2345678901234569e+23,1.5]}',
    b'{"b": "Zo\\u00eb \\/ \\u2028 \\ud83d\\ude00 \\u0007 \\"", "a": null}': '{"b":"Zo\u00eb / \u2028 \U0001f600 \\u0007 \\"","a":null}',
    b'[\n\t{"deep": {"x": []}, "t": true}\n]': '[{"deep":{"x":[]},"t":true}]',
    b'{"big": 1e999, "n": 100000000000000000000}': '{"big":null,"n":100000000000000000000}',
}  # fmt: skip
"""What ECMA-262 says that JSON.stringify(JSON.parse(body)) is."""


@pytest.mark.parametrize("body", STRINGIFIED)
def test_what_was_signed_before_it_was_written_otherwise_is_accepted_where_that_is_asked_for(body: bytes) -> None:
    key = "a-key-of-respond-io"
    digest = hmac.new(key.encode(), STRINGIFIED[body].encode(), hashlib.sha256).digest()
    headers = {"X-Webhook-Signature": base64.b64encode(digest).decode()}
    settings = {"scheme": "hmac", "header": "X-Webhook-Signature", "encoding": "base64", "secret": key}
    assert not refused(made(**settings, signed="compact_json"), hook(headers, body))
    assert refused(made(**settings), hook(headers, body))
    assert refused(made(**settings, signed="compact_json"), hook(headers, body + b"0"))
    raw = {"X-Webhook-Signature": base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()}
    assert not refused(made(**settings, signed="compact_json"), hook(raw, body))


@pytest.mark.parametrize("body", [b'"\\ud83d"', b"\xff", b'{"a', b"[" * 60_000, b"1" * 70_000, b"-", b"1e+e", b'"\n"'])
def test_what_cannot_be_written_anew_is_refused_like_any_other(body: bytes) -> None:
    connector = made(scheme="hmac", secret="a-key", signed="compact_json")
    assert refused(connector, hook({"X-Signature": "00"}, body))


def test_the_readmes_connection_of_respond_io_reads_what_respond_io_posts(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "connectors" / "webhook" / "README.md").read_text("utf-8")
    connection, mapping = re.findall(r"```yaml\n(.*?)```", text.partition("## respond.io")[2], re.DOTALL)
    (tmp_path / "stagebridge.yaml").write_text(connection, "utf-8")
    (tmp_path / "respondio.yaml").write_text(mapping, "utf-8")
    config = load_config(tmp_path / "stagebridge.yaml", {"RESPONDIO_KEY": "a-key"})
    side = open_side(config.connections["chat"], config.lifecycle)
    said = {
        "event_type": "contact.lifecycle.updated", "event_id": "e1", "lifecycle": "Customer", "oldLifecycle": "Hot Lead",
        "contact": {"id": 123, "firstName": "Ada", "email": "ada@example.com", "phone": "+60123456789", "lifecycle": "Customer"},
    }  # fmt: skip
    body = json.dumps(said, indent=1).encode()
    signed = json.dumps(said, separators=(",", ":")).encode()
    signature = base64.b64encode(hmac.new(b"a-key", signed, hashlib.sha256).digest()).decode()
    [record] = side.connector.receive(hook({"x-webhook-signature": signature}, body))
    assert isinstance(record, Record)
    view = side.mapping.read(record.data, side.objects[0])
    assert (view["email"], view["first_name"], view["stage"]) == ("ada@example.com", "Ada", "customer")
    assert not view.problems
