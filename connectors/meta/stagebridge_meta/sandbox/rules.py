"""What Meta insists on in one event, in the order in which it looks: the first thing that is wrong refuses the whole request."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from stagebridge_meta.sandbox.errors import GraphError

DAY = 86_400
OLDEST, OLDEST_IN_STORE = 7 * DAY, 62 * DAY
"""Seconds that an event may be old when it arrives; the second for `physical_store` [D]."""

SOURCES = frozenset(
    "email website app phone_call chat physical_store system_generated business_messaging other".split()
)

NOT_ENOUGH = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
"""A person's keys that, alone or with each other, are too few to find anybody with [D]."""

MESSAGING_EVENTS = frozenset(
    "Purchase LeadSubmitted InitiateCheckout AddToCart ViewContent OrderCreated OrderShipped OrderDelivered OrderCanceled "
    "OrderReturned CartAbandoned QualifiedLead RatingProvided ReviewProvided".split()
)

MESSAGING_KEYS: Mapping[str, Mapping[str, int]] = {
    "whatsapp": {"ctwa_clid": 2804087, "whatsapp_business_account_id": 0},
    "messenger": {"page_id": 0, "page_scoped_user_id": 0},
    "instagram": {"ig_sid": 2804075, "ig_account_id": 2804079},
}
"""By channel: who is meant, and the subcode where that is missing, as far as one is known."""

LEAD_ID = re.compile(r"\d{15,17}\Z")

CURRENCIES = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY "
    "COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS "
    "INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU "
    "MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK "
    "SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF "
    "XCD XCG XOF XPF YER ZAR ZMW ZWG".split()
)
"""ISO 4217, the codes of money that is spent, with a few that were in use lately."""


class Rules:
    """`accounts`: the Instagram accounts that belong to the dataset's business; None where that is not known."""

    def __init__(self, switches: Mapping[str, Any], now: float, accounts: Collection[str] | None) -> None:
        self.switches = switches
        self.now = now
        self.accounts = accounts

    def check(self, event: Any) -> None:
        """Raises `GraphError` with the path to what is wrong."""
        if not isinstance(event, dict):
            raise _wrong("each event must be an object")
        name = event.get("event_name")
        if not isinstance(name, str) or not name.strip():
            raise _wrong("event_name is required", "event_name")
        if self.switches["name_length"] and len(name) > self.switches["name_length"]:
            raise _wrong(f"event_name has at most {self.switches['name_length']} characters", "event_name")
        if str(event.get("action_source")) not in SOURCES:
            raise _wrong("action_source must be one of " + ", ".join(sorted(SOURCES)), "action_source")
        self._time(event)
        if event.get("event_id") is not None and not isinstance(event["event_id"], str):
            raise _wrong("event_id must be a string", "event_id")
        user = event.get("user_data")
        if not isinstance(user, dict):
            raise _wrong("user_data is required", "user_data")
        if event["action_source"] == "business_messaging":
            self._messaging(event, user)
        self._person(user)
        if event["action_source"] == "website":
            for key in self.switches["website_needs"]:
                if not (user if key == "client_user_agent" else event).get(key):
                    raise _wrong(f"{key} is required for website events", key)
        self._privacy(event)
        self._custom(name, event.get("custom_data"))
        self._app(event.get("app_data"))

    # --- the event's own -----------------------------------------------------------------------------------------

    def _time(self, event: dict[str, Any]) -> None:
        at = self._number(event.get("event_time"), "event_time")
        if at != int(at):
            raise _wrong("event_time must be whole seconds", "event_time")
        in_store = event["action_source"] == "physical_store"
        if self.now - at > (OLDEST_IN_STORE if in_store else OLDEST):
            raise _bad(2804003, "event_time")
        if at - self.now > self.switches["future_seconds"]:
            raise _wrong("event_time lies in the future", "event_time")

    def _messaging(self, event: dict[str, Any], user: dict[str, Any]) -> None:
        keys = MESSAGING_KEYS.get(str(event.get("messaging_channel")))
        if keys is None:
            raise _bad(2804063, "messaging_channel")
        if event["event_name"] not in MESSAGING_EVENTS:
            raise _bad(2804066, "event_name")
        for key, subcode in keys.items():
            if not user.get(key):
                if subcode:
                    raise _bad(subcode, "user_data", key)
                raise _wrong(f"{key} is required for this channel", "user_data", key)
        if event["messaging_channel"] == "instagram":
            for key in ("client_ip_address", "client_user_agent"):
                if key in user:
                    raise _bad(2804064, "user_data", key)
            if self.accounts is not None and str(user["ig_account_id"]) not in self.accounts:
                raise _bad(2804133, "user_data", "ig_account_id")

    def _person(self, user: dict[str, Any]) -> None:
        given = {k for k, v in user.items() if v not in (None, "", [], [None], [""])}
        if any(given <= few for few in NOT_ENOUGH):
            raise _bad(2804050, "user_data")
        lead_id = user.get("lead_id")
        if lead_id is not None:
            text = isinstance(lead_id, str) and self.switches["numbers_as_text"]
            plain = isinstance(lead_id, int) and not isinstance(lead_id, bool)
            if not (text or plain) or not LEAD_ID.match(str(lead_id)):
                raise _wrong("lead_id must be a number of 15 to 17 digits", "user_data", "lead_id")
        if self.switches["refuse_unhashed"]:
            for key, values in hashed(user).items():
                if any(not well_hashed(v) for v in values):
                    raise _wrong(f"{key} must be the SHA-256 of the normalised value", "user_data", key)

    def _privacy(self, event: dict[str, Any]) -> None:
        if "opt_out" in event and not isinstance(event["opt_out"], bool):
            raise _wrong("opt_out must be true or false", "opt_out")
        options = event.get("data_processing_options")
        if options is None:
            return
        if not isinstance(options, list) or any(o != "LDU" for o in options):
            raise _wrong('data_processing_options is [] or ["LDU"]', "data_processing_options")
        if not options:
            return
        country, state = (event.get(f"data_processing_options_{k}") for k in ("country", "state"))
        if country not in (None, 0, 1) or state not in (None, 0, 1000):
            raise _wrong("this is no country and state of data processing options", "data_processing_options_country")
        if state is None and (country is not None or not event["user_data"].get("client_ip_address")):
            raise _wrong("data_processing_options_state is required here", "data_processing_options_state")

    # --- values ------------------------------------------------------------------------------------------------

    def _custom(self, name: str, custom: Any) -> None:
        if custom is None:
            custom = {}
        if not isinstance(custom, dict):
            raise _wrong("custom_data must be an object", "custom_data")
        if custom.get("value") is not None:
            self._number(custom["value"], "custom_data", "value")
        elif name == "Purchase":
            raise _bad(2804009, "custom_data", "value")
        currency = custom.get("currency")
        if currency not in (None, ""):
            if str(currency).upper() not in CURRENCIES:
                raise _wrong("currency must be a code of ISO 4217", "custom_data", "currency")
        elif name == "Purchase":
            raise _bad(2804010, "custom_data", "currency")

    def _app(self, app: Any) -> None:
        if not isinstance(app, dict) or "extinfo" not in app:
            return
        info = app["extinfo"]
        if not isinstance(info, list) or len(info) != 16 or info[0] not in ("a2", "i2"):
            raise _wrong("extinfo has 16 values, the first of them a2 or i2", "app_data", "extinfo")

    def _number(self, value: Any, *path: str) -> float:
        if isinstance(value, str) and self.switches["numbers_as_text"]:
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            raise _wrong(f"{path[-1]} must be a number", *path)
        return value


HASHED = frozenset("em ph fn ln ge db ct st zp country".split())
"""Keys whose values only mean something as a hash; `external_id` may be either."""

HASH = re.compile(r"[0-9a-f]{64}\Z")


def hashed(user: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The hashed keys of a person, each as a list."""
    return {k: many(user[k]) for k in user if k in HASHED}


def well_hashed(value: Any) -> bool:
    return isinstance(value, str) and HASH.match(value) is not None


def many(value: Any) -> list[Any]:
    """One value or several, as a list."""
    return value if isinstance(value, list) else [value]


def _bad(subcode: int, *path: str) -> GraphError:
    return GraphError(100, subcode=subcode, blame=path)


def _wrong(text: str, *path: str) -> GraphError:
    """Something that is refused without a subcode that we know of."""
    return GraphError(100, f"(#100) {text}.", blame=path)
