"""What events may be called."""

from __future__ import annotations

KINDS = ("web", "app", "offline", "crm")
"""Values of `event_source`. There is none for messaging ads."""

STANDARD = frozenset(
    "AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download "
    "FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent "
    "ClickButton PlaceAnOrder".split()
)
"""The list of September 2025 [D]; the last two are deprecated, and accepted until the end of 2027."""

RENAMED = {"SubmitForm": "Lead", "CompletePayment": "Purchase"}
"""Names of before May 2025. They are accepted, and counted under the current one [D]."""


def current(name: str) -> str:
    return RENAMED.get(name, name)
