"""What a connection of webhooks is told, and what each scheme needs."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from stagebridge.connector import ConnectorSettings
from stagebridge.endpoint import ALERTS, HAPPENINGS, Shape
from stagebridge.standard_webhooks import key_of, unfit_to_sign

Scheme = Literal["standard", "hmac", "typeform", "path"]

TOLD = (*HAPPENINGS, *ALERTS)
"""Everything that a message may be about."""
OF_HMAC = ("header", "algorithm", "encoding", "prefix", "timestamp_header", "separator", "signed")
"""Settings that only that scheme has."""
SHORTEST = 16
"""Characters of a secret path: it is all that keeps strangers out."""
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Send(BaseModel):
    """Where messages go. `secret` signs them as Standard Webhooks has it; while it is being replaced, `old_secret` signs too."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(
        repr=False, description="What messages are posted to: https, unless `outgoing.allow` names its host."
    )
    events: tuple[str, ...] = Field(
        default=HAPPENINGS, min_length=1, description="What is told: contact.changed …, or an alert such as run.failed."
    )
    secret: SecretStr | None = Field(default=None, description="What messages are signed with: whsec_…")
    old_secret: SecretStr | None = Field(default=None, description="The one before, while it is being replaced.")
    shape: Shape = Field(default="full", description="The whole message, one level of keys, or a sentence for a chat.")

    @field_validator("events")
    @classmethod
    def _known(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        for event in events:
            if event not in TOLD:
                raise ValueError(f"'{event}' is nothing that is told; there are {', '.join(TOLD)}")
        return tuple(dict.fromkeys(events))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, secret in (("secret", self.secret), ("old_secret", self.old_secret)):
            wrong = unfit_to_sign(secret.get_secret_value()) if secret is not None else None
            if wrong:
                raise ValueError(f"{name}: {wrong}")
        if self.old_secret is not None and self.secret is None:
            raise ValueError("old_secret is the one before `secret`, which is missing")
        return self

    def secrets(self) -> tuple[SecretStr, ...]:
        return tuple(s for s in (self.secret, self.old_secret) if s is not None)


class WebhookSettings(ConnectorSettings):
    """`old_secret` is accepted beside `secret` while it is being replaced. Without a `secret` nothing is received, and the
    connection only sends."""

    scheme: Scheme = Field(
        default="standard", description="How it is made sure who sends: a signature, or a secret path."
    )
    secret: SecretStr | None = Field(
        default=None, description="What is signed with (whsec_… of Standard Webhooks), or the secret path."
    )
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

    send: Send | None = Field(default=None, description="Where messages go when something happens here.")

    @field_validator("header", "timestamp_header", "id_header")
    @classmethod
    def _a_header(cls, name: str | None) -> str | None:
        if name is not None and not HEADER.fullmatch(name):
            raise ValueError(f"'{name}' is no name of a header")
        return name.lower() if name is not None else None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.secret is None and self.send is None:
            raise ValueError("say what is signed with in `secret`, or where messages go in `send`")
        for name, secret in (("secret", self.secret), ("old_secret", self.old_secret)):
            wrong = wrong_with(self.scheme, secret.get_secret_value()) if secret is not None else None
            if wrong:
                raise ValueError(f"{name}: {wrong}")
        own = set(OF_HMAC) & self.model_fields_set
        if self.scheme != "hmac" and own:
            raise ValueError(f"{', '.join(sorted(own))}: only `scheme: hmac` is told that; {self.scheme} has its own")
        return self

    @property
    def mapping_needed(self) -> str:
        """A form's answers have one form everywhere; what anybody else sends, nobody knows but him."""
        if self.scheme == "typeform" or self.secret is None:
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
        except ValueError as error:
            return str(error)
    return None


__all__ = ["WebhookSettings"]
