"""Make's own API, as far as it makes webhooks [S]. What it answers beyond `hook` and `hooks` is ours: nobody may rely on it."""

from __future__ import annotations

from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_make.sandbox.hooks import Hook, Hooks
from stagebridge_make.sandbox.user import User

PREFIX = ["api", "v2", "hooks"]
OPTIONS = ("method", "headers", "stringify")
"""What a webhook passes on besides the body; to be said unless the request asks for the defaults."""


def handle(hooks: Hooks, user: User, call: Call) -> Answer:
    given = call.headers.get("authorization", "")
    if given != f"Token {hooks.kit.switches['api_token']}":
        return refusal(401, "Access denied.")
    rest = call.segments[len(PREFIX) :]
    if not rest:
        return _create(hooks, user, call) if call.method == "POST" else _listing(hooks, call)
    hook = hooks.by_id(rest[0])
    if hook is None:
        return refusal(404, "Not Found")
    return _one(hooks, hook, call) if len(rest) == 1 else _verb(hooks, hook, call, "/".join(rest[1:]))


def _create(hooks: Hooks, user: User, call: Call) -> Answer:
    body = call.json()
    wanted = ("name", "teamId", "typeName", *(() if "useDefaults" in call.query else OPTIONS))
    lacking = [name for name in wanted if name not in body]
    if lacking:
        return refusal(400, f"Missing value of required parameter '{lacking[0]}'.")
    data = {name: bool(body.get(name, False)) for name in OPTIONS}
    hook = hooks.make(user.id(), str(body["name"]), type=str(body["typeName"]), team=int(body["teamId"]), data=data)
    return Answer(200, {"hook": shown(hook, call)})


def _listing(hooks: Hooks, call: Call) -> Answer:
    if call.method != "GET":
        return refusal(405, "Method Not Allowed")
    query = call.query
    found = [
        h for h in hooks.living()
        if str(h.team) == query.get("teamId", str(h.team)) and h.type == query.get("typeName", h.type)
        and ("assigned" not in query or (h.scenario is not None) == (query["assigned"] == "true"))
    ]  # fmt: skip
    return Answer(200, {"hooks": [shown(h, call) for h in found]})


def _one(hooks: Hooks, hook: Hook, call: Call) -> Answer:
    match call.method:
        case "GET":
            return Answer(200, {"hook": shown(hook, call)})
        case "PATCH":
            hook.name = str(call.json()["name"])
            return Answer(200, {"hook": shown(hook, call)})
        case "DELETE" if call.query.get("confirmed") == "true":
            del hooks.all[hook.token]
            return Answer(200, {"hook": hook.id})
        case "DELETE":
            return refusal(406, "Confirmation is required.")
    return refusal(405, "Method Not Allowed")


def _verb(hooks: Hooks, hook: Hook, call: Call, verb: str) -> Answer:
    match call.method, verb:
        case "GET", "ping":
            return Answer(
                200, {"address": url_of(hook, call), "attached": hook.scenario is not None, "gone": not hook.enabled}
            )
        case "POST", "enable" | "disable":
            hook.enabled, hook.idle_since = verb == "enable", hooks.kit.now().timestamp()
        case "POST", "learn-start":
            hook.structure = []
        case "POST", "learn-stop":
            pass
        case "POST", "set-data":
            hook.data |= call.json()
        case _:
            return refusal(404, "Not Found")
    return Answer(200, {"success": True})


def shown(hook: Hook, call: Call) -> dict[str, Any]:
    return {
        "id": hook.id, "name": hook.name, "teamId": hook.team, "typeName": hook.type, "url": url_of(hook, call),
        "enabled": hook.enabled, "gone": not hook.enabled, "scenarioId": hook.scenario.id if hook.scenario else None,
        "data": hook.data,
    }  # fmt: skip


def url_of(hook: Hook, call: Call) -> str:
    return f"http://{call.headers.get('host', '')}/{hook.token}"


def refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "code": f"SC{status}"})


__all__ = ["PREFIX", "handle", "refusal"]
