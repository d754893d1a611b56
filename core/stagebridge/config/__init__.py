"""`stagebridge.yaml`: which accounts, which rules, which guards.

    config = load_config("stagebridge.yaml")
    config.connections["crm"].connect(clock)

Everything that is wrong in a file is reported at once, each with its line; secrets come by reference only.
"""

from __future__ import annotations

from stagebridge.config.reader import connectors, load_config
from stagebridge.config.schema import config_schema
from stagebridge.config.values import (
    GUARDS,
    AdsConsent,
    Config,
    ConnectionConfig,
    ContactsConfig,
    EventsConfig,
    Guards,
    Job,
    Mode,
    MoveRule,
    OutgoingConfig,
    Rule,
    RuleKind,
    SendRule,
    ServeConfig,
)

__all__ = [
    "GUARDS", "AdsConsent", "Config", "ConnectionConfig", "ContactsConfig", "EventsConfig", "Guards", "Job", "Mode",
    "MoveRule", "OutgoingConfig", "Rule", "RuleKind", "SendRule", "ServeConfig", "config_schema", "connectors", "load_config",
]  # fmt: skip
