"""Errors as Graph words them: a code, often a subcode, and titles in the language of whoever owns the token."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from stagebridge.sandbox import Answer

LANGUAGES = ("en_US", "de_DE", "fr_FR")

TITLES: Mapping[int, tuple[str, str, str]] = {
    2804003: ("Event Timestamp Too Old", "Zeitstempel des Events zu alt", "Horodatage de l’évènement trop ancien"),
    2804009: ("Missing Value for Purchase Event", "Wert für Kauf-Event fehlt", "Valeur absente de l’évènement d’achat"),
    2804010: ("Missing Currency for Purchase Event", "Währung für Kauf-Event fehlt", "Devise absente de l’évènement d’achat"),
    2804050: ("Insufficient Customer Information", "Kundeninformationen reichen nicht aus", "Informations client insuffisantes"),
    2804063: ("Missing Messaging Channel", "Messaging-Kanal fehlt", "Canal de messagerie absent"),
    2804064: ("Invalid Argument for Messaging Event", "Ungültiges Argument für Messaging-Event",
              "Argument non valide pour un évènement de messagerie"),
    2804066: ("Messaging Event Invalid Event Type", "Event-Typ für Messaging nicht zulässig",
              "Type d’évènement de messagerie non valide"),
    2804075: ("Missing Instagram-Scoped User ID", "Instagram-Nutzer-ID fehlt", "Identifiant d’utilisateur Instagram absent"),
    2804079: ("Missing Instagram Account ID", "Instagram-Konto-ID fehlt", "Identifiant de compte Instagram absent"),
    2804087: ("Missing Click ID for WhatsApp Event", "Klick-ID für WhatsApp-Event fehlt",
              "Identifiant de clic absent de l’évènement WhatsApp"),
    2804133: ("No Linked Instagram Account", "Kein verknüpftes Instagram-Konto", "Aucun compte Instagram associé"),
}  # fmt: skip
"""By subcode, in the order of LANGUAGES; the wording is ours. 2804010 is from a public bug report of 2023; the others are documented or were seen live."""

ADVICE = (
    "This event cannot be used. Correct it and send the request again.",
    "Dieses Event kann nicht verwendet werden. Korrigiere es und sende die Anfrage erneut.",
    "Cet évènement ne peut pas être utilisé. Corrigez-le et renvoyez la requête.",
)

MESSAGES: Mapping[int, str] = {
    1: "An unknown error occurred",
    2: "Service temporarily unavailable",
    3: "(#3) Application does not have the capability to make this API call.",
    4: "(#4) Application request limit reached",
    10: "(#10) Application does not have permission for this action",
    17: "(#17) User request limit reached",
    32: "(#32) Page request limit reached",
    100: "Invalid parameter",
    102: "Session key invalid or no longer valid",
    190: "Invalid OAuth access token - Cannot parse access token",
    200: "(#200) Permissions error",
    210: "(#210) A page access token is required to request this resource.",
    341: "(#341) Application limit reached",
    368: "The action attempted has been deemed abusive or is otherwise disallowed",
    613: "(#613) Calls to this api have exceeded the rate limit.",
    2500: "Unknown path components",
    5000: "Unknown Error Code",
    21009: "The dataset is not ready yet. Please try again later.",
}
TOKEN_MESSAGES: Mapping[int, str] = {
    460: "Error validating access token: The session has been invalidated because the user changed their password or Facebook "
         "has changed the session for security reasons.",
    463: "Error validating access token: Session has expired.",
    467: "Error validating access token: The user has not authorized application.",
}  # fmt: skip
SUBCODES: Mapping[int, int] = {4: 1504022, 17: 2446079, 613: 1487742}
"""What comes along where nothing else is said."""

OF_THE_APP = frozenset({4, 32, 341})
"""Throttles that tell how much was used, but not when to come back."""

STATUS: Mapping[int, int] = {1: 500, 2: 500, 3: 403, 10: 403, 102: 401, 190: 401, 200: 403, 210: 403}
"""Everything else is 400. Seen live are 400, and 401 for 190; the others are from memory: a code decides, not a status."""

TRANSIENT = frozenset({2, 4, 17, 32, 341, 613})
"""Which codes say `is_transient: true`, from memory. 1 does not say it, and is worth another try all the same."""


class GraphError(Exception):
    """This request ends here. `blame` is the path to the field at fault, from the event on; `index` the event's place."""

    def __init__(
        self, code: int, message: str = "", *, subcode: int = 0, status: int = 0, blame: Sequence[str] = (),
        index: int | None = None, transient: bool | None = None, headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.code = code
        self.subcode = subcode or SUBCODES.get(code, 0)
        self.status = status or STATUS.get(code, 400)
        self.message = message or self._usual()
        self.blame = tuple(blame)
        self.index = index
        self.transient = code in TRANSIENT if transient is None else transient
        self.headers = dict(headers or {})
        super().__init__(self.message)

    def _usual(self) -> str:
        if self.code == 190 and self.subcode:
            return TOKEN_MESSAGES.get(self.subcode, TOKEN_MESSAGES[463])
        if self.code >= 80000:
            return f"(#{self.code}) There have been too many calls. Wait a bit and try again."
        return MESSAGES.get(self.code, f"(#{self.code}) An error occurred")

    @property
    def name(self) -> str:
        """`100/2804003`, or the code alone."""
        return f"{self.code}/{self.subcode}" if self.subcode else str(self.code)

    def answer(self, language: str, blaming: str, trace: str) -> Answer:
        error: dict[str, Any] = {"message": self.message, "type": "OAuthException", "code": self.code}
        if self.subcode:
            error["error_subcode"] = self.subcode
        if self.code != 190:  # seen live without it
            error["is_transient"] = self.transient
        spoken = LANGUAGES.index(language)
        if self.subcode in TITLES:
            error |= {"error_user_title": TITLES[self.subcode][spoken], "error_user_msg": ADVICE[spoken]}
        if self.blame and blaming != "none":
            where = ("data", str(self.index), *self.blame) if blaming == "index" else self.blame
            data = {"blame_field_specs": [list(where)]}
            error["error_data"] = orjson.dumps(data).decode() if blaming == "text" else data
        return Answer(self.status, {"error": {**error, "fbtrace_id": trace}}, self.headers)


def unknown_object(method: str, id_: str) -> GraphError:
    """No such object, or none that this token may see: Graph does not say which."""
    return GraphError(
        100,
        f"Unsupported {method.lower()} request. Object with ID '{id_}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation.",
        subcode=33,
    )


def trace_id(chance: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    return "A" + "".join(chance.choices(letters, k=22))
