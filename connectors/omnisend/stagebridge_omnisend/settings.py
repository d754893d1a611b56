"""What an Omnisend connection can be told."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from stagebridge.connector import ConnectorSettings

VERSION = "2026-03-15"
"""The dated version that this connector was written for."""


class OmnisendSettings(ConnectorSettings):
    api_key: SecretStr | None = Field(default=None, description="Of the brand: Store settings > API keys.")
    token: SecretStr | None = Field(default=None, description="An OAuth access token, instead of `api_key`.")
    api_version: str = Field(
        default=VERSION, pattern=r"^\d{4}-\d{2}-\d{2}$", description="Sent as `Omnisend-Version` with every request."
    )
    welcome_messages: bool = Field(
        default=False, description="Let Omnisend send its welcome message to whom a sync subscribes."
    )
    overlap: float = Field(default=300.0, ge=0, description="Seconds that a read goes back for late changes.")
    batch_wait: float = Field(
        default=600.0, gt=0, description="Seconds to wait for a batch of new contacts; then they are read back."
    )
    forgotten_tag: str = Field(
        default="stagebridge-forgotten", min_length=1, description="Marks a contact that was emptied by `forget`."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.api_key is None) == (self.token is None):
            raise ValueError("give either `api_key` or `token`")
        return self
