"""Which Account a new Contact belongs to: looked up by the company's name, with a rule for those that fit nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagebridge_salesforce.connector import Salesforce


class Accounts:
    def __init__(self, sf: Salesforce) -> None:
        self._sf = sf
        self._found: dict[str, str] = {}
        self._asked: set[str] = set()

    @property
    def otherwise(self) -> str:
        """An Account id, `lead` or `skip`."""
        return self._sf.settings.account.on_missing

    def of(self, companies: Sequence[str]) -> dict[str, str]:
        """{company's name, case-folded: Account id} of those that exist. Of several with one name, the oldest."""
        from simple_salesforce.format import format_soql

        new = sorted({c for c in companies if c and c.casefold() not in self._asked})
        for start in range(0, len(new), 100):
            some = new[start : start + 100]
            soql = format_soql("SELECT Id, Name FROM Account WHERE Name IN {} ORDER BY CreatedDate", some)
            body = self._sf.query(soql, deleted=False)
            for row in body["records"] if body is not None else []:
                self._found.setdefault(str(row["Name"]).casefold(), str(row["Id"]))
            self._asked.update(c.casefold() for c in some)
        return self._found
