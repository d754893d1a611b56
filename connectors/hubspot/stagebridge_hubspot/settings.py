"""What a HubSpot connection can be told."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from stagebridge.connector import ConnectorSettings

LegalBasis = Literal[
    "CONSENT_WITH_NOTICE", "LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER", "LEGITIMATE_INTEREST_PQL",
    "NON_GDPR", "PERFORMANCE_OF_CONTRACT", "PROCESS_AND_STORE",
]  # fmt: skip


class HubSpotSettings(ConnectorSettings):
    token: SecretStr | None = Field(default=None, description="Of a private app or a service key (`pat-…`).")
    client_id: str | None = Field(default=None, description="Of an OAuth app, with the next two instead of `token`.")
    client_secret: SecretStr | None = Field(default=None, description="Of the app; also what webhooks are signed with.")
    refresh_token: SecretStr | None = Field(default=None, description="Of the account's installation of the app.")
    api: Literal["2026-03", "v3"] = Field(default="2026-03", description="HubSpot's API version.")
    email_subscription: str | None = Field(
        default=None, coerce_numbers_to_str=True, description="Id of the subscription type that is the e-mail consent."
    )
    legal_basis: LegalBasis | None = Field(default=None, description="Sent with every consent written.")
    legal_basis_explanation: str | None = Field(default=None, description="Sent along with it.")
    deletes_every: float = Field(default=3600.0, ge=0, description="Seconds between two looks at the recycle bin.")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        oauth = (self.client_id, self.client_secret, self.refresh_token)
        if self.token is None and not all(oauth):
            raise ValueError("give `token`, or `client_id`, `client_secret` and `refresh_token`")
        if self.token is not None and self.refresh_token is not None:
            raise ValueError("give either `token` or `refresh_token`")
        return self
