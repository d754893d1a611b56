"""What a TikTok connection is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from stagebridge.connector import ConnectorSettings

SOURCES: Mapping[str, tuple[str, str]] = {
    "web": ("pixel", "pixel"), "app": ("app", "app"), "offline": ("offline_set", "offline event set"),
    "crm": ("crm_set", "CRM event set"),
}  # fmt: skip
"""By TikTok's event_source, which is also the variant of the mapping: the setting that names it, and what it is."""


class Ages(BaseModel):
    """Days after which an event is not sent any more, by its source; none: at any age.

    TikTok documents no limit. 7 days is what other vendors keep on the web, 28 the longest attribution window.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    web: float | None = Field(default=7.0, gt=0)
    app: float | None = Field(default=7.0, gt=0)
    offline: float | None = Field(default=28.0, gt=0)
    crm: float | None = Field(default=28.0, gt=0)


class TikTokSettings(ConnectorSettings):
    """A token, and what it reports to: any of `pixel`, `app`, `offline_set`, `crm_set`. For leads, `app_secret`."""

    token: SecretStr = Field(description="Of Events Manager, or a long-term OAuth token; without 'Bearer '.")
    pixel: str | None = Field(default=None, min_length=1, coerce_numbers_to_str=True, description="The pixel's code.")
    app: str | None = Field(
        default=None, min_length=1, coerce_numbers_to_str=True,
        description="Id of an app that TikTok has on its allow-list for the Events API.",
    )  # fmt: skip
    offline_set: str | None = Field(
        default=None, min_length=1, coerce_numbers_to_str=True, description="Id of the offline event set."
    )
    crm_set: str | None = Field(
        default=None, min_length=1, coerce_numbers_to_str=True, description="Id of the CRM event set."
    )
    app_secret: SecretStr | None = Field(
        default=None, description="Of the developer app that subscribes to leads: what webhooks are signed with."
    )
    crm_name: str | None = Field(default=None, description="What CRM events say they come from: HubSpot …")
    partner_name: str | None = Field(default=None, description="Sent with every call, where TikTok has given you one.")
    test_event_code: str | None = Field(
        default=None, coerce_numbers_to_str=True,
        description="Sends everything to Events Manager's test tab; only together with `test_mode`.",
    )  # fmt: skip
    test_mode: bool = Field(default=False, description="Confirms that no event is to count.")
    limited_data_use: bool = Field(default=False, description="Marks every web and app event for limited data use.")
    ages: Ages = Ages()

    @field_validator("token")
    @classmethod
    def _alone(cls, token: SecretStr) -> SecretStr:
        if not token.get_secret_value().strip() or token.get_secret_value().lower().startswith("bearer "):
            raise ValueError("give the token alone, without 'Bearer '")
        return token

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not self.sources and self.app_secret is None:
            raise ValueError(f"give a source ({', '.join(n for n, _ in SOURCES.values())}), or app_secret for leads")
        if self.test_mode != (self.test_event_code is not None):
            raise ValueError("events with a test_event_code do not count: give it together with `test_mode: true`")
        return self

    @property
    def sources(self) -> dict[str, str]:
        """{event_source: event_source_id} of what is reported to."""
        found = {kind: getattr(self, name) for kind, (name, _) in SOURCES.items()}
        return {kind: str(id_) for kind, id_ in found.items() if id_}
