"""What we sign, everybody else can verify."""

from __future__ import annotations

import base64
import json
import time

import pytest
import standardwebhooks
from pydantic import SecretStr

from outside import lacking, specs_of
from stagebridge.outgoing.signing import sign
from stagebridge.standard_webhooks import unfit_to_sign

OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2))
BODY = '{"name": "Zoë"}'.encode()


def signed(*secrets: str, at: float | None = None) -> dict[str, str]:
    return sign("msg_1", int(time.time() if at is None else at), BODY, [SecretStr(s) for s in secrets])


def verifies(secret: str, headers: dict[str, str], body: bytes = BODY) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(body, headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def test_while_a_secret_is_replaced_a_receiver_may_have_either() -> None:
    headers = signed(NEW, OLD)
    assert verifies(NEW, headers)
    assert verifies(OLD, headers)
    newest, oldest = headers["webhook-signature"].split(" ")
    assert verifies(NEW, {**headers, "webhook-signature": newest})
    assert verifies(OLD, {**headers, "webhook-signature": oldest})
    assert not verifies(OLD, signed(NEW))


def test_a_signature_covers_the_id_the_time_and_every_byte() -> None:
    headers = signed(NEW)
    assert not verifies(NEW, {**headers, "webhook-id": "msg_2"})
    assert not verifies(NEW, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)})
    assert not verifies(NEW, headers, BODY + b" ")
    assert not verifies(NEW, signed(NEW, at=time.time() - 400))


def test_the_published_vector_is_what_we_sign() -> None:
    path = specs_of("standard-webhooks") / "webhook_vectors.json"
    if not path.is_file():
        lacking("specs", "the vectors of Standard Webhooks are not among the specifications")
    found = json.loads(path.read_bytes())
    vector = found["standard_webhooks"]
    made = sign(
        vector["webhook-id"], int(vector["webhook-timestamp"]), found["body"].encode(), [SecretStr(vector["secret"])]
    )
    assert made == {k: v for k, v in vector.items() if k != "secret"}


def test_without_a_secret_there_is_an_id_and_a_time_and_no_signature() -> None:
    assert set(signed()) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize("id", ["", "a.1", "a\n", "a b", "ä"])
def test_an_id_cannot_reach_into_what_is_signed_after_it(id: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        sign(id, 1, BODY, [SecretStr(NEW)])


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (NEW, None),
        ("", "whsec_ and base64"),
        ("whsec_", "whsec_ and base64"),
        ("whsec_%%%", "whsec_ and base64"),
        ("whsec_ä", "whsec_ and base64"),
        ("whsec_" + base64.b64encode(b"k" * 23).decode(), "23 bytes"),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), "65 bytes"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_and_never_the_secret(secret: str, says: str | None) -> None:
    wrong = unfit_to_sign(secret)
    if says is None:
        assert wrong is None
    else:
        assert wrong is not None
        assert says in wrong
        assert not secret.removeprefix("whsec_") or secret not in wrong
