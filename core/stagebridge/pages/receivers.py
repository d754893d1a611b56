"""Messages out: who is told, how that goes, and what a person can do about it."""

from __future__ import annotations

from starlette.responses import Response

from stagebridge.errors import Busy, ConfigError, LedgerError
from stagebridge.outgoing import inspect
from stagebridge.pages.render import part
from stagebridge.pages.views import ROWS, Ask, Missing, to


def receivers(ask: Ask) -> Response:
    found = inspect.endpoints(ask.ledger, ask.outlets, ROWS + 1)
    return ask.shown("receivers.html", receivers=found[:ROWS], more=len(found) > ROWS, many=inspect.COUNTED)


def receiver(ask: Ask) -> Response:
    name = ask.request.path_params["name"]
    found = inspect.endpoint(ask.ledger, ask.outlets, name)
    if found is None:
        raise Missing
    told = inspect.messages(ask.ledger, endpoint=name, limit=ROWS)
    return ask.shown("receiver.html", receiver=found, messages=told, most=ROWS, many=inspect.COUNTED)


def act(ask: Ask) -> Response:
    """Go on sending to a receiver, or send it one message once more."""
    name, which = ask.request.path_params["name"], ask.form.get("id", "")
    found = inspect.endpoint(ask.ledger, ask.outlets, name)
    if found is None:
        ask.session.notice = "Nobody of that name is told anything, or not any more."
        return to("/receivers")
    try:
        if ask.form.get("do") == "resume":
            count = inspect.resume(ask.ledger, name)
            waits = {0: "nothing waits for it", 1: "one message is tried at once"}
            ask.session.notice = (
                f"{name} is sent to again: {waits.get(count, f'{count:,} messages are tried at once')}."
            )
        elif ask.form.get("do") == "again" and which:
            inspect.replay(ask.ledger, ask.outlets, ids=[which], to=[name])
            when = "once the receiver is resumed" if found["state"] == "paused" else "in a moment"
            ask.session.notice = f"{which} is sent once more, {when}."
        else:
            ask.session.notice = "That form is none of this page. Nothing was changed."
    except Busy:
        ask.session.notice = "Somebody is writing to the ledger. Nothing was changed; try again in a moment."
    except LedgerError:
        raise
    except ConfigError:
        ask.session.notice = "That message is not kept any more, so it cannot be sent again."
    return to(f"/receivers/{part(name)}")


__all__ = ["act", "receiver", "receivers"]
