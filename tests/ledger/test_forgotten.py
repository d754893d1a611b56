"""What is left of somebody who was erased."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from stagebridge.ledger import schema as t
from stagebridge.ledger.store import Ledger
from stagebridge.sync.removals import remove_from_ledger


def test_whoever_was_several_people_that_were_joined_one_after_the_other_is_gone_as_all_of_them(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'l.db'}")
    with ledger.begin() as tx:
        for id_, into in ((1, 2), (2, 3), (3, None), (4, None)):
            row = {"id": id_, "key": f"k{id_}", "data": "{}", "origin": "{}", "first_seen": 1, "merged_into": into}
            told = {
                "uid": f"msg_{id_}",
                "type": "contact.changed",
                "at": 1,
                "contact_id": id_,
                "email_hash": "",
                "created": 1,
            }
            tx.execute(sa.insert(t.contact).values(row))
            tx.execute(sa.insert(t.message).values(told))
        remove_from_ledger(tx, 1, 3, [], set())
        assert list(tx.execute(sa.select(t.contact.c.id)).scalars()) == [4]
        assert list(tx.execute(sa.select(t.message.c.contact_id)).scalars()) == [4]
    ledger.close()
