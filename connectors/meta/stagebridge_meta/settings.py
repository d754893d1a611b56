"""What a Meta connection can be told."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from stagebridge.connector import ConnectorSettings

MESSAGING_EVENTS = (
    "Purchase", "LeadSubmitted", "InitiateCheckout", "AddToCart", "ViewContent", "OrderCreated", "OrderShipped",
    "OrderDelivered", "OrderCanceled", "OrderReturned", "CartAbandoned", "QualifiedLead", "RatingProvided", "ReviewProvided",
)  # fmt: skip
"""The names that Meta takes of business messaging, by its page on it; any other one has the whole request refused."""

DEDUP = 48 * 3600.0
"""Seconds for which Meta drops a second event of the same dataset, name and id, by its page on deduplication."""


def _ids(value: Any) -> Any:
    return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]


class Dataset(BaseModel):
    """Where the events of a channel go: a dataset, and its own token where the connection's may not write to it (datasets
    of another business, and of Instagram accounts)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    id: str = Field(pattern=r"^\d+$", description="The dataset's id.")
    token: SecretStr | None = Field(default=None, description="If not the connection's.")


class Datasets(BaseModel):
    """Datasets of single channels, by our names of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    web: Dataset | None = None
    app: Dataset | None = None
    physical_store: Dataset | None = None
    crm: Dataset | None = None
    chat: Dataset | None = None
    phone: Dataset | None = None
    email: Dataset | None = None
    other: Dataset | None = None
    whatsapp: Dataset | None = None
    messenger: Dataset | None = None
    instagram: Dataset | None = None


class MetaSettings(ConnectorSettings):
    """A dataset and its token; the rest is for leads, for business messaging and for the law."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    timeout: float = Field(default=30.0, gt=0, description="Seconds to wait for an answer.")
    token: SecretStr = Field(description="Of a system user or a dataset; for leads with leads_retrieval.")
    dataset: str | None = Field(
        default=None, pattern=r"^\d+$", description="Id of the dataset (pixel) of all channels."
    )
    datasets: Datasets = Field(default_factory=Datasets, description="Datasets of single channels.")
    api_version: str = Field(default="v26.0", pattern=r"^v\d+\.\d+$", description="Of the Graph API.")
    app_secret: SecretStr | None = Field(default=None, description="Of the app: what its webhooks are signed with.")
    appsecret_proof: bool = Field(
        default=False, description="Prove the app's secret with every call, if it requires that."
    )

    crm_name: str = Field(default="stagebridge", description="What conversion leads name as their CRM.")
    page_id: str | None = Field(default=None, description="The page of Messenger conversations and lead forms.")
    whatsapp_business_account_id: str | None = Field(default=None, description="Of WhatsApp conversations.")
    ig_account_id: str | None = Field(default=None, description="The Instagram account of its conversations.")
    messaging_events: tuple[str, ...] = Field(
        default=MESSAGING_EVENTS, description="Names that business messaging may send."
    )

    forms: tuple[str, ...] = Field(default=(), description="Ids of the lead forms to read.")
    verify_token: SecretStr | None = Field(default=None, description="What Meta repeats when a webhook is set up.")

    data_processing_options: tuple[Literal["LDU"], ...] | None = Field(
        default=None, description="[LDU]: limited data use; []: explicitly not; left out, nothing is said."
    )
    data_processing_options_country: Literal[0, 1] | None = Field(default=None, description="1: the US; 0: Meta looks.")
    data_processing_options_state: int | None = Field(default=None, description="1000: California …; 0: Meta looks.")
    opt_out: bool | None = Field(default=None, description="true: attribution only, never optimisation.")
    dedup: float = Field(default=DEDUP, ge=0, description="Seconds for which Meta drops a repeated event.")

    test_mode: bool = Field(default=False, description="Whether `test_event_code` may be given.")
    test_event_code: str | None = Field(default=None, description="Shows events under Test events; they count too.")

    @field_validator("forms", "messaging_events", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return _ids(value)

    @field_validator("data_processing_options_country", "data_processing_options_state", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdigit() else value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.test_event_code is not None and not self.test_mode:
            raise ValueError("a test_event_code needs `test_mode: true`: such events count like any other")
        state, country = self.data_processing_options_state, self.data_processing_options_country
        if (state is None) != (country is None):
            raise ValueError("data_processing_options_country and _state come together: 0 and 0 lets Meta look")
        if state is not None and not self.data_processing_options:
            raise ValueError("data_processing_options_country and _state go with data_processing_options: [LDU]")
        return self


__all__ = ["DEDUP", "MESSAGING_EVENTS", "Dataset", "Datasets", "MetaSettings"]
