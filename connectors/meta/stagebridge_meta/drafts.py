"""Whether Meta would take an event, before it is asked: one bad event has a thousand refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from stagebridge.clock import Clock
from stagebridge.connector import Draft, Rejected
from stagebridge.event import ConversionEvent
from stagebridge.mapping import Payload
from stagebridge_meta.currencies import CURRENCIES
from stagebridge_meta.settings import Datasets, MetaSettings

OLDEST = timedelta(days=7)
OLDEST_IN_STORE = timedelta(days=62)
"""How old an event may be when it arrives, by Meta's page on event parameters; sales in a store come later."""
AHEAD = timedelta(days=1)
"""An event that is further ahead than this has a wrong clock, or a wrong unit; Meta says no number."""
LONGEST_NAME = 50

TOO_LITTLE = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}), frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}), frozenset({"ln", "ge"}),
)  # fmt: skip
"""An event that says no more of a person than one of these is refused, by Meta's page on customer information."""

CHANNELS = {
    "website": "web", "app": "app", "physical_store": "physical_store", "system_generated": "crm", "chat": "chat",
    "phone_call": "phone", "email": "email", "other": "other",
}  # fmt: skip
"""Our channel of Meta's action source."""
MESSAGING = {
    "whatsapp": ("whatsapp_business_account_id", "ctwa_clid"),
    "messenger": ("page_id", "page_scoped_user_id"),
    "instagram": ("ig_account_id", "ig_sid"),
}
"""What an event of each messenger must name: the account, which is a setting, and the person."""
BROWSER = ("client_ip_address", "client_user_agent")
_FBC = re.compile(r"fb\.\d\.\d{13}\.")


class Drafter:
    """Makes drafts under the settings of one connection."""

    def __init__(self, settings: MetaSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._horizon: datetime | None = None
        self._groups = {channel: group_of(settings, channel) for channel in Datasets.model_fields}
        self._options = options(settings)
        self._looked_up = bool(settings.data_processing_options) and not settings.data_processing_options_state

    def draft(self, event: ConversionEvent, payload: Payload) -> Draft | Rejected:
        """The mapping's payload, completed and looked through."""
        source = payload.get("action_source")
        messaging = source == "business_messaging"
        channel = payload.get("messaging_channel") if messaging else CHANNELS.get(source, "other")  # type: ignore[arg-type]
        user = payload.setdefault("user_data", {})
        if messaging:
            for name in BROWSER:  # an Instagram event that has them is refused
                user.pop(name, None)
            wrong = _wrong_messaging(payload, user, self._settings, str(channel))
        else:
            wrong = _wrong_person(user)
        if wrong is None:
            wrong = self._wrong(event, payload)
        if wrong is not None:
            return Rejected(*wrong)
        group = self._groups.get(str(channel))
        if group is None:
            what = f"no dataset for {channel} events; set `dataset` or `datasets.{channel}`"
            return Rejected("SB-META-NO-DATASET", what)
        warnings = tuple(self._warnings(payload, user, source, messaging=messaging))
        oldest = OLDEST_IN_STORE if source == "physical_store" else OLDEST
        dedup = 0.0 if messaging else self._settings.dedup  # of business messaging Meta counts whatever comes
        return Draft(event.id, {**payload, **self._options}, group, event.at + oldest, dedup, warnings)

    def _wrong(self, event: ConversionEvent, payload: Mapping[str, Any]) -> tuple[str, str] | None:
        """Code and sentence of what Meta would refuse any event for."""
        if self._horizon is None or event.at > self._horizon:  # the clock is asked only beyond what it has said
            self._horizon = self._clock.now() + AHEAD
            if event.at > self._horizon:
                return "SB-META-FUTURE", "its time lies more than a day ahead"
        if (event.custom or event.contact.custom) and not _finite(payload):
            return "SB-META-NUMBER", "a number in it is not finite; JSON has no such"
        return _wrong_money(payload)

    def _warnings(
        self, payload: Payload, user: Mapping[str, Any], source: str | None, *, messaging: bool
    ) -> Iterator[str]:
        for path, reason in payload.problems.items():
            yield f"{path} is left out: {reason}"
        if source == "website" and "client_user_agent" not in user:
            yield "a website event without client_user_agent, which Meta documents as required"
        if source == "app" and "app_data" not in payload:
            yield "an app event without app_data, which Meta needs for attribution"
        if self._looked_up and not messaging and "client_ip_address" not in user:
            yield "limited data use without client_ip_address: Meta cannot look up where the person is"
        if "fbc" in user and not _FBC.match(str(user["fbc"])):
            yield "click_ids.fbc is not of the form fb.1.<milliseconds>.<fbclid>: Meta will not recognise it"
        if len(payload["event_name"]) > LONGEST_NAME:
            yield f"its name is longer than {LONGEST_NAME} characters"


def group_of(settings: MetaSettings, channel: str) -> str | None:
    """Which dataset and token a channel's events go to: the dataset's id, with the channel where it has a token of its
    own; None where there is no dataset."""
    own = getattr(settings.datasets, channel)
    if own is None:
        return settings.dataset
    return f"{own.id}/{channel}" if own.token is not None else str(own.id)


def options(settings: MetaSettings) -> dict[str, Any]:
    """What the law or the advertiser asks for, per event as Meta wants it."""
    out: dict[str, Any] = {}
    if settings.data_processing_options is not None:
        out["data_processing_options"] = list(settings.data_processing_options)
        if settings.data_processing_options:
            out["data_processing_options_country"] = settings.data_processing_options_country or 0
            out["data_processing_options_state"] = settings.data_processing_options_state or 0
    if settings.opt_out is not None:
        out["opt_out"] = settings.opt_out
    return out


# --- what is wrong --------------------------------------------------------------------------------------------


def _wrong_person(user: Mapping[str, Any]) -> tuple[str, str] | None:
    if "em" not in user and "ph" not in user and any(user.keys() <= few for few in TOO_LITTLE):
        said = ", ".join(sorted(user)) or "nothing"
        return "SB-META-PERSON", f"Meta takes no event that says only {said} of a person"
    lead = user.get("lead_id")
    if lead is not None and not (type(lead) is int and 10**14 <= lead < 10**17):
        return "SB-META-LEAD", "its lead_id is no whole number of 15 to 17 digits"
    return None


def _wrong_messaging(
    payload: Mapping[str, Any], user: Mapping[str, Any], settings: MetaSettings, messenger: str
) -> tuple[str, str] | None:
    name = str(payload.get("event_name"))
    if name not in settings.messaging_events:
        return "SB-META-NAME", f"business messaging takes no {name}"
    account, person = MESSAGING.get(messenger, ("", ""))
    if not account:
        return "SB-META-CHANNEL", f"Meta knows no messaging channel {messenger}"
    if not user.get(account):
        return "SB-META-ACCOUNT-ID", f"events of {messenger} name its account; set `{account}`"
    return None if user.get(person) else ("SB-META-PERSON", f"an event of {messenger} needs the person's {person}")


def _wrong_money(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    custom = payload.get("custom_data")
    if custom is None:
        if payload.get("event_name") == "Purchase":
            return "SB-META-MONEY", "a Purchase needs a value and a currency"
        return None
    value, currency = custom.get("value"), custom.get("currency")
    if payload.get("event_name") == "Purchase" and (value is None or currency is None):
        return "SB-META-MONEY", "a Purchase needs a value and a currency"
    if currency is not None and currency not in CURRENCIES and str(currency).upper() not in CURRENCIES:
        return "SB-META-CURRENCY", "its currency is none of ISO 4217"
    return None


def _finite(value: Any) -> bool:
    """Whether no number in there is infinite or none, as only a custom value can be: JSON would say null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list | tuple) else True


__all__ = ["CHANNELS", "OLDEST", "OLDEST_IN_STORE", "TOO_LITTLE", "Drafter", "group_of"]
