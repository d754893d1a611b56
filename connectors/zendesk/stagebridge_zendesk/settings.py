"""What a Zendesk connection can be told."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from stagebridge.connector import ConnectorSettings

Plan = Literal[
    "suite_team", "suite_growth", "suite_professional", "suite_enterprise", "suite_enterprise_plus", "support_essential",
    "support_team", "support_professional", "support_enterprise", "high_volume",
]  # fmt: skip


class TicketRule(BaseModel):
    """An event opens a ticket of its person, instead of being told to his profile. The account's own triggers run on it, and
    may write to him; its one comment is internal unless `public` says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = Field(min_length=1, max_length=150)
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    tags: tuple[str, ...] = ()
    public: bool = False


class ZendeskSettings(ConnectorSettings):
    subdomain: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="`acme` of https://acme.zendesk.com."
    )
    email: str | None = Field(default=None, description="Of the administrator whose API token it is.")
    api_token: SecretStr | None = Field(default=None, description="An API token, with `email`.")
    oauth_token: SecretStr | None = Field(default=None, description="An OAuth access token, instead of the two.")
    webhook_secret: SecretStr | None = Field(default=None, description="The webhook's signing secret.")
    plan: Plan | None = Field(default=None, description="What the limits are taken from until an answer says them.")
    bulk_import: bool | None = Field(
        default=None, description="Whether Zendesk's support has enabled bulk user imports; unset: it is found out."
    )
    organizations: Literal["off", "match", "create"] = Field(
        default="off",
        description="Write a company as the organisation of that name: one that is there, or a new one too.",
    )
    page_size: int = Field(default=1000, ge=1, le=1000, description="Records per page of an export.")
    job_wait: float = Field(default=300.0, gt=0, description="Seconds to wait for a job before its rows are looked up.")
    event_source: str = Field(default="stagebridge", min_length=1, description="The source of events in profiles.")
    tickets: dict[str, TicketRule] = Field(
        default={}, description="{event name: rule}: such an event becomes a ticket and no event of the profile."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.email is None) != (self.api_token is None):
            raise ValueError("`email` and `api_token` come together: give both")
        if (self.api_token is None) == (self.oauth_token is None):
            raise ValueError("give either `email` and `api_token`, or `oauth_token`")
        if self.subdomain is None and self.base_url is None:
            raise ValueError("give `subdomain`: `acme` of https://acme.zendesk.com")
        if self.event_source == "zendesk":
            raise ValueError("the `event_source` zendesk is reserved for Zendesk itself")
        return self
