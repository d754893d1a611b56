"""Sending a stand-in's webhooks to a receiver, as the platform would."""

from __future__ import annotations

from typing import Any

import requests

from stagebridge.sandbox.kit import Platform

PATIENCE = 5
"""Seconds that a receiver has for its answer."""


def deliver(platform: Platform, url: str) -> dict[str, Any]:
    """POST what is due to `url`; what is not accepted with a 2xx in time is due again later.

    Returns `{"sent": [status, …]}`, 0 where no answer came.
    """
    with platform.kit.lock:
        due = platform.hooks(url)
    statuses = []
    with requests.Session() as session:
        session.trust_env = False
        for hook in due:
            status = _send(session, hook)
            statuses.append(status)
            if not 200 <= status < 300:
                with platform.kit.lock:
                    platform.undelivered(hook)
    return {"sent": statuses}


def _send(session: requests.Session, hook: dict[str, Any]) -> int:
    try:
        answer = session.request(
            hook["method"],
            hook["url"],
            data=hook["body"],
            headers=hook["headers"],
            timeout=PATIENCE,
            allow_redirects=False,
        )
        return answer.status_code
    except requests.RequestException:
        return 0
