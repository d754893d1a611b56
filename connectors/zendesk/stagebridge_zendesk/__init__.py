"""The stagebridge connector for Zendesk."""

from stagebridge_zendesk.connector import Zendesk
from stagebridge_zendesk.settings import TicketRule, ZendeskSettings

__all__ = ["TicketRule", "Zendesk", "ZendeskSettings"]
