"""What a Salesforce connection is told."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from stagebridge.connector import ConnectorSettings


class AccountRule(BaseModel):
    """Which Account a new Contact belongs to, since a Contact without one is visible to its owner and admins only.

    `lookup: company` finds it by its name. `on_missing`: `lead` creates a Lead instead, `skip` leaves the person out, an
    Account id takes everybody who fits nowhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lookup: Literal["company"] = "company"
    on_missing: str = Field(default="lead", pattern="^(lead|skip|001[A-Za-z0-9]{12}([A-Za-z0-9]{3})?)$")


class CampaignRule(BaseModel):
    """An event makes its person a member of this campaign, with this status, instead of becoming a Task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern="^701[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$")
    status: str = Field(default="Responded", min_length=1, max_length=40)


class SalesforceSettings(ConnectorSettings):
    """One way to log in: `domain`, `client_id` and `client_secret` (client credentials; works on My Domain only);
    `client_id`, `username` and `private_key` (JWT bearer); or `session_id` and `instance_url` (given).

    `api_version` is v66 (Spring '26): two releases old, so that every organisation has it, and supported for years.
    """

    domain: str | None = Field(
        default=None,
        description="My Domain without '.salesforce.com', for example acme.my; with JWT, 'test' for a sandbox.",
    )
    client_id: str | None = None
    client_secret: SecretStr | None = None
    username: str | None = None
    private_key: SecretStr | None = Field(default=None, description="PEM text of the key that signs the JWT.")
    session_id: SecretStr | None = None
    instance_url: str | None = None
    api_version: str = Field(default="66.0", pattern=r"^\d{2}\.0$")
    account: AccountRule = AccountRule()
    campaigns: dict[str, CampaignRule] = Field(
        default={}, description="{event name: campaign and status}: such an event is a membership and no Task."
    )
    bulk_above: int = Field(default=2000, ge=0, description="Creates of more records than this go by Bulk API 2.0.")
    currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Of Opportunities, where the organisation has one currency."
    )
    overlap: float = Field(default=600.0, ge=0, description="Seconds that a read goes back for late commits.")

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        given = self.session_id and self.instance_url
        jwt = self.client_id and self.username and self.private_key
        credentials = self.domain and self.client_id and self.client_secret
        if not (given or jwt or credentials):
            raise ValueError(
                "give domain, client_id and client_secret; or client_id, username and private_key; or session_id and instance_url"
            )
        return self
