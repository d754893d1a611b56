"""Every code that stagebridge says, what it means and what to do: the source of `docs/errors.md`.

A connector adds its own in `Connector.codes`. A code that ends in `…` stands for a family: the platform's own code follows.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, tuple[str, str]] = {
    "SB-CONFIG": (
        "The configuration or the command line is wrong. Nothing was contacted or changed.",
        "The message names the file, the line and the key; mend it and run again.",
    ),
    "SB-MAPPING": (
        "A mapping file is wrong.",
        "Every line of the message reads `file:line: path: what`. `stagebridge mappings check FILE` checks it alone.",
    ),
    "SB-INITIAL": (
        "Two systems both hold people, and nothing says who is right where both hold a value.",
        "Write `initial: {prefer: CONNECTION}` or `initial: fill_empty` under `contacts`.",
    ),
    "SB-LEDGER": (
        "The ledger cannot be used: another kind of file, written by another version, no room, no folder.",
        "The hint says which; `stagebridge ledger upgrade` brings an older one up to date and copies it first.",
    ),
    "SB-NOT-SUPPORTED": (
        "The platform has no such verb.",
        "`stagebridge connectors` lists what each platform can do.",
    ),
    "SB-AUTH": (
        "The platform refused the credentials.",
        "Renew them, then `stagebridge check`. The other connections went on.",
    ),
    "SB-GUARD": (
        "A run would have changed more than a guard allows, so it wrote nothing.",
        "Look at `stagebridge plan`. If it is right, the hint names the `--allow` that lets this one run through.",
    ),
    "SB-STALE-PLAN": (
        "What would be written is not what the saved plan says any more.",
        "Make a new plan, look at it, and run that.",
    ),
    "SB-LATER": ("Not now; nothing is wrong.", "Run the same command later."),
    "SB-BUSY": (
        "Another run holds the ledger, or another program has locked its file.",
        "Wait for it: this one changed nothing. Overlapping cron jobs end like this by design.",
    ),
    "SB-THROTTLED": (
        "Too many wrong keys came from one address.",
        "Wait as long as it says. Keys that are right go on working, also from there.",
    ),
    "SB-BUDGET": (
        "A quota of the platform, or our share of it, is used up.",
        "The hint says when it comes back. `budget` sets the share.",
    ),
    "SB-DOWN": (
        "The platform gave no usable answer after all retries.",
        "Nothing is lost: run the same command again later.",
    ),
    "SB-NO-ANSWER": (
        "A write was sent and its answer never came.",
        "Nothing to do: the next run reads back what became of it before anything is sent again.",
    ),
    "SB-API": (
        "A program asked our API for something that is not there, or its request did not come whole or in time.",
        "The message says which.",
    ),
    "SB-API-KEY": (
        "A program asked our API without a key that opens it.",
        "`stagebridge keys list` shows the keys; `stagebridge keys create NAME --for CONNECTION` makes one.",
    ),
    "SB-API-BODY": (
        "What a program handed to our API is wrong; nothing of it was kept.",
        "The message names the field and what it may be.",
    ),
    "SB-API-BETWEEN": (
        "A program handed over a person, and its connection is not among those that contacts are kept in step between.",
        "Add the connection to `contacts: between`, or leave `between` out: then all are.",
    ),
    "SB-API-FAILED": (
        "What a program handed over was kept, and could not be worked on.",
        "`stagebridge dead-letters` says why; retry it there once that is mended.",
    ),
    "SB-API-SUBSCRIPTION": (
        "A program asked to be told at an address that is none of its platform's, or of more than there may be.",
        "The message says which; `stagebridge hooks list` shows who is told.",
    ),
    "SB-MESSAGE-DEAD": (
        "A receiver would not have a message, or nothing reached it for three days.",
        "The reason is what it answered. Mend it there, then `stagebridge dead-letters retry`, or `stagebridge hooks resume NAME` "
        "where sending was paused.",
    ),
    "SB-RETRIES": (
        "A record was refused for the moment again and again.",
        "Look at the reason; `stagebridge dead-letters retry ID` tries once more.",
    ),
    "SB-EXISTS": (
        "A record of somebody else is in the way of a new one.",
        "Merge the two there, or `stagebridge link` the record to the right person.",
    ),
    "SB-ADDRESS-TAKEN": (
        "Another person's record there holds this e-mail address; the rest of the record was written.",
        "Merge the two there, or change one of the addresses. It is tried again when either changes.",
    ),
    "SB-CANNOT-DELETE": (
        "The platform has no way to archive or erase a record.",
        "Delete it there by hand; `dead-letters` names it.",
    ),
    "SB-DISCARDED": (
        "A dead letter that somebody discarded.",
        "It stays untried until the contact changes.",
    ),
    "SB-EVENT-DROPPED": (
        "The platform takes no event of this name, or of this channel.",
        "Nothing to do, or give the name a row under `event.names` in the platform's mapping.",
    ),
    "SB-EVENT-INCOMPLETE": (
        "The event lacks something that the platform requires; the message names it.",
        "Complete it at its source and send it again: the same id counts once.",
    ),
    "SB-EVENT-EXPIRED": (
        "The event was too old for the platform when it could be sent.",
        "Send sooner: look at `stagebridge runs` for what held it up. It is not sent any more.",
    ),
    "SB-EVENT-CONSENT": (
        "The person did not agree to ads, or nothing says so, when the event was to be sent.",
        "Nothing to do. `ads_consent: not_denied` on the connection takes silence for consent: ask whoever answers for that.",
    ),
    "SB-EVENT-UNANSWERED": (
        "The event was sent, no answer came, and the platform would count a second one.",
        "Look it up at the platform. `stagebridge dead-letters retry ID` sends it again if it is not there.",
    ),
    "SB-EVENT-FORGOTTEN": (
        "What the event said is kept no more: the person was forgotten, or it is older than `keep_changes`.",
        "Nothing to do. Whoever still has it can send it again: the same id counts once.",
    ),
    "SB-EVENT-REFUSED": (
        "The platform took nothing of a batch, because of one event in it.",
        "Nothing to do: the bad one is found and put aside, the others are sent.",
    ),
    "SB-ENDPOINT-FORBIDDEN": (
        "No message is sent to this endpoint: it is not called by https at port 443, or its host may be a machine of ours.",
        "The hint says what to write instead. A receiver of one's own is named in the configuration.",
    ),
    "SB-NOT-SENT": (
        "A message could not be sent: no connection, no TLS, or nothing that may be sent. Nothing of it has left.",
        "Look at the reason: the receiver's name, its certificate, or what the message carries.",
    ),
    "SB-ERROR": ("Something else that stagebridge says of itself.", "The sentence says what."),
    "SB-HOOK-IN-PART": (
        "A webhook was worked on, but not all of what it says could be read: the reason names the field.",
        "Mend the connection's mapping, then `stagebridge dead-letters retry ID`; what counted already counts once.",
    ),
    "SB-UNEXPECTED": (
        "A defect of stagebridge.",
        "Run it again with `--debug` and report the traceback; the ledger is as it was after the last finished step.",
    ),
}


def table(families: Mapping[str, Mapping[str, tuple[str, str]]]) -> str:
    """The tables of `docs/errors.md`: {heading: codes}."""
    parts = []
    for heading, codes in families.items():
        rows = [f"| `{code}` | {what} | {remedy} |" for code, (what, remedy) in sorted(codes.items())]
        parts.append("\n".join([f"## {heading}", "", "| code | what happened | what to do |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


__all__ = ["CODES", "table"]
