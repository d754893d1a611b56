"""What a connection of Make is told."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from stagebridge.connector import ConnectorSettings
from stagebridge.endpoint import Happening
from stagebridge.standard_webhooks import unfit_to_sign
from stagebridge_make.addresses import wrong_with


class MakeSettings(ConnectorSettings):
    """A custom webhook to post to, or nothing: scenarios with the stagebridge app subscribe by themselves. `old_secret` signs
    beside `secret` while it is being replaced."""

    custom_webhook: SecretStr | None = Field(
        default=None,
        description="The address of a custom webhook: https://hook.ZONE.make.com/…; whoever has it may post.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="What the custom webhook asks for in the header x-make-apikey, if it asks."
    )
    sends: tuple[Happening, ...] = Field(
        default=("contact.stage_changed",), min_length=1, description="What the custom webhook is told of."
    )
    secret: SecretStr | None = Field(
        default=None,
        description="Signs what is posted (whsec_… of Standard Webhooks); Make itself does not look at it.",
    )
    old_secret: SecretStr | None = Field(default=None, description="The one before, while it is being replaced.")
    integromat: bool = Field(default=False, description="Addresses of hook.integromat.com are Make's too.")

    @field_validator("api_key")
    @classmethod
    def _a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key is not None else "-"
        if not text.isascii() or not text.isprintable() or text != text.strip() or not text:
            raise ValueError("a key is one line of plain characters, without spaces around it")
        return key

    @field_validator("secret", "old_secret")
    @classmethod
    def _signs(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and (why := unfit_to_sign(secret.get_secret_value())):
            raise ValueError(why)
        return secret

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.custom_webhook is None:
            if idle := sorted({"api_key", "sends"} & self.model_fields_set):
                raise ValueError(
                    f"{', '.join(idle)}: only a custom webhook is told by that; give custom_webhook, or leave it out"
                )
        elif wrong := self.unfit(self.custom_webhook.get_secret_value()):
            raise ValueError(f"custom_webhook: {wrong}")
        if self.old_secret is not None and self.secret is None:
            raise ValueError("old_secret signs beside secret: give secret too")
        return self

    def unfit(self, url: str) -> str | None:
        return wrong_with(url, integromat=self.integromat, stand_in=self.base_url)


__all__ = ["MakeSettings"]
