"""The stagebridge connector for Salesforce."""

from stagebridge_salesforce.connector import Salesforce
from stagebridge_salesforce.settings import AccountRule, SalesforceSettings

__all__ = ["AccountRule", "Salesforce", "SalesforceSettings"]
