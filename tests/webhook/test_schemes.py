"""Who may tell us anything: each scheme against signatures that somebody else made."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from pydantic import ValidationError

from stagebridge.clock import ManualClock
from stagebridge.connector import HookRequest
from stagebridge.errors import AuthError, ConfigError
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
    with pytest.raises(ConfigError, match="no mapping") as caught:
        _ = made(secret=NEW).default_mapping
    assert caught.value.code == "SB-WEBHOOK-MAPPING"
    assert made(scheme="typeform", secret="s").default_mapping == "typeform"
