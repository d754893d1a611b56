"""What a Zapier connection is told."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from stagebridge.connector import ConnectorSettings
from stagebridge.endpoint import Happening
from stagebridge.standard_webhooks import unfit_to_sign
from stagebridge_zapier.address import unfit


class ZapierSettings(ConnectorSettings):
    """Nothing has to be given: Zaps made with the app subscribe by themselves."""

    catch_hook: SecretStr | None = Field(
        default=None, description="The address that a 'Webhooks by Zapier' trigger shows: Catch Hook or Catch Raw Hook."
    )
    sends: tuple[Happening, ...] = Field(
        default=("contact.stage_changed",), min_length=1, description="Which messages go to the catch hook."
    )
    secret: SecretStr | None = Field(
        default=None, description="whsec_…: signs every message; only a Catch Raw Hook sees the signature."
    )
    old_secret: SecretStr | None = Field(
        default=None, description="The one before: signs too, while it is being replaced."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.catch_hook is not None and (why := unfit(self.catch_hook.get_secret_value(), self.base_url)):
            raise ValueError(f"catch_hook: {why}")
        if self.catch_hook is None and "sends" in self.model_fields_set:
            raise ValueError(
                "sends: it says what goes to catch_hook, and there is none; subscribers choose by themselves"
            )
        if self.old_secret is not None and self.secret is None:
            raise ValueError("old_secret: it signs beside secret, and there is none")
        for name, secret in (("secret", self.secret), ("old_secret", self.old_secret)):
            if secret is not None and (why := unfit_to_sign(secret.get_secret_value())):
                raise ValueError(f"{name}: {why}")
        return self

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What messages are signed with, the newest first."""
        return tuple(s for s in (self.secret, self.old_secret) if s is not None)


__all__ = ["ZapierSettings"]
