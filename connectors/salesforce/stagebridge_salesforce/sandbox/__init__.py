"""A stand-in for one Salesforce organisation, written from the platform's documentation and recorded answers."""

from stagebridge_salesforce.sandbox.platform import SalesforceSandbox

create = SalesforceSandbox

__all__ = ["SalesforceSandbox", "create"]
