"""What a connection of webhooks is told, and what each scheme needs."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from stagebridge.connector import ConnectorSettings

Scheme = Literal["standard", "hmac", "typeform", "path"]

SHORTEST = 16
"""Characters of a secret path: it is all that keeps strangers out."""
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class WebhookSettings(ConnectorSettings):
    """`old_secret` is accepted beside `secret` while it is being replaced."""

    scheme: Scheme = Field(
        default="standard", description="How it is made sure who sends: a signature, or a secret path."
    )
    secret: SecretStr = Field(description="What is signed with (whsec_… of Standard Webhooks), or the secret path.")
    old_secret: SecretStr | None = Field(default=None, description="The one before, while it is being replaced.")
    header: str = Field(default="x-signature", description="hmac: the header with the signature.")
    algorithm: Literal["sha256", "sha512", "sha1"] = Field(default="sha256", description="hmac: of the signature.")
    encoding: Literal["hex", "base64"] = Field(default="hex", description="hmac: of the signature.")
    prefix: str = Field(default="", description="hmac: what stands before the signature: sha256= …")
    timestamp_header: str | None = Field(
        default=None, description="hmac: the header with Unix seconds or an ISO time that is signed before the body."
    )
    separator: str = Field(
        default=".", description="hmac: what stands between the time and the body where they are signed."
    )
    signed: Literal["raw", "compact_json"] = Field(
        default="raw",
        description="hmac: what is signed: the bytes of the body, or what JSON.stringify makes of it where those do not fit.",
    )
    window: float = Field(default=300.0, gt=0, description="Seconds after which a signed time is stale.")
    id_header: str | None = Field(
        default=None, description="A header with the delivery's id, the same when it is repeated."
    )

    @field_validator("header", "timestamp_header", "id_header")
    @classmethod
    def _a_header(cls, name: str | None) -> str | None:
        if name is not None and not HEADER.fullmatch(name):
            raise ValueError(f"'{name}' is no name of a header")
        return name.lower() if name is not None else None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, secret in (("secret", self.secret), ("old_secret", self.old_secret)):
            wrong = wrong_with(self.scheme, secret.get_secret_value()) if secret is not None else None
            if wrong:
                raise ValueError(f"{name}: {wrong}")
        own = {
            "header",
            "algorithm",
            "encoding",
            "prefix",
            "timestamp_header",
            "separator",
            "signed",
        } & self.model_fields_set
        if self.scheme != "hmac" and own:
            raise ValueError(f"{', '.join(sorted(own))}: only `scheme: hmac` is told that; {self.scheme} has its own")
        return self

    @property
    def mapping_needed(self) -> str:
        """A form's answers have one form everywhere; what anybody else sends, nobody knows but him."""
        if self.scheme == "typeform":
            return ""
        return (
            "nothing says what the bodies of these webhooks mean; write `mapping: NAME.yaml`, for which "
            "`stagebridge mappings show webhook` is an example"
        )

    def secrets(self) -> list[str]:
        return [s.get_secret_value() for s in (self.secret, self.old_secret) if s is not None]


def wrong_with(scheme: Scheme, secret: str) -> str | None:
    """What is wrong with a secret; never the secret itself."""
    if not secret:
        return "it is empty"
    if scheme == "path" and not (len(secret) >= SHORTEST and re.fullmatch(r"[A-Za-z0-9._~-]+", secret)):
        return f"a secret path is {SHORTEST} or more of the characters A-Z a-z 0-9 . _ ~ -; `openssl rand -hex 24` makes one"
    if scheme == "standard":
        try:
            key_of(secret)
        except (binascii.Error, ValueError):
            return "a secret of Standard Webhooks is whsec_ and base64"
    return None


def key_of(secret: str) -> bytes:
    """The key in a secret of Standard Webhooks. Raises `ValueError`."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    if not key:
        raise ValueError("it is empty")
    return key


__all__ = ["WebhookSettings", "key_of"]
