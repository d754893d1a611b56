"""Search: filters over what the index shows, which is the past.

The index shows every record as it was `index_lag` seconds ago; archived records never. Pages end at 10,000 results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_hubspot.sandbox.account import Account, Refusal
from stagebridge_hubspot.sandbox.values import to_ms

PAGE = 200
CAP = 10_000
LONGEST = 3000
"""Characters of a query, and bytes of a body."""

MOST_GROUPS, MOST_IN_GROUP, MOST_FILTERS = 5, 6, 18
SEARCHED = ("email", "firstname", "lastname", "phone", "company")
"""What `query` looks into."""

Values = Mapping[str, str]
Properties = Mapping[str, dict[str, Any]]
Test = Callable[[Values], bool]


def search(account: Account, call: Call) -> Answer:
    at, store = index_time(account), account.store

    def rows(after: int) -> Iterator[tuple[Any, Values]]:
        return ((c, props) for c in store.after(after) if (props := store.shown(c, at)) is not None)

    return searched(
        account, call, store.properties, rows, lambda c, names, props: account.record(c, names, props=props)
    )


def index_time(account: Account) -> int:
    """The instant whose values the index shows."""
    faults = account.kit.standing("index_lag")
    return account.now - account.store.lag_ms - int(1000 * sum(float(f.values.get("seconds", 0)) for f in faults))


def searched(
    account: Account, call: Call, properties: Properties, rows: Callable[[int], Iterable[tuple[Any, Values]]],
    record: Callable[[Any, list[str], Values], dict[str, Any]],
) -> Answer:  # fmt: skip
    """A search over what the index shows of some records (those after an id), with the properties that they may have."""
    if len(call.body) > LONGEST:
        return account.error(400, "VALIDATION_ERROR", f"The request body is longer than {LONGEST} characters")
    data = account.body(call)
    limit = account.number(data.get("limit"), 10, "limit", PAGE)
    after = account.number(data.get("after"), 0, "after")
    if after + limit > CAP:
        return account.error(400, "VALIDATION_ERROR", f"A query has at most {CAP} results to page through")
    test, sort = _tests(account, properties, data), _sort(account, properties, data.get("sorts") or [])
    hits = [(held, props) for held, props in rows(_after(data)) if test(props)]
    if sort is not None:
        key, down = sort
        hits.sort(key=lambda hit: key(hit[1]), reverse=down)
    page = hits[after : after + limit]
    names = data.get("properties") or []
    body: dict[str, Any] = {"total": len(hits), "results": [record(held, names, p) for held, p in page]}
    if after + limit < len(hits):
        body["paging"] = {"next": {"after": str(after + limit)}}
    call.records = len(page)
    return Answer(200, body)


def _after(data: dict[str, Any]) -> int:
    """The id after which alone there can be hits: a search walked along by record id need not look at all of them again."""
    groups = data.get("filterGroups") or []
    bounds = [
        int(f["value"])
        for f in (groups[0].get("filters") or [] if len(groups) == 1 else [])
        if (f.get("propertyName"), f.get("operator")) == ("hs_object_id", "GT") and str(f.get("value")).isdigit()
    ]
    return max(bounds, default=-1)


def _refuse(account: Account, message: str) -> Refusal:
    return Refusal(account.error(400, "VALIDATION_ERROR", message))


def _tests(account: Account, properties: Properties, data: dict[str, Any]) -> Test:
    groups = data.get("filterGroups") or []
    per_group = [g.get("filters") or [] for g in groups]
    if (
        len(groups) > MOST_GROUPS
        or any(len(g) > MOST_IN_GROUP for g in per_group)
        or sum(map(len, per_group)) > MOST_FILTERS
    ):
        raise _refuse(
            account, f"at most {MOST_GROUPS} groups of {MOST_IN_GROUP} filters, and {MOST_FILTERS} filters in all"
        )
    query = str(data.get("query") or "")
    if len(query) > LONGEST:
        raise _refuse(account, f"The query is longer than {LONGEST} characters")
    tests = [[_test(account, properties, f) for f in g] for g in per_group]
    words = query.lower().split()

    def fits(values: Values) -> bool:
        if tests and not any(all(t(values) for t in group) for group in tests):
            return False
        if not words:
            return True
        tokens = " ".join(values.get(n) or "" for n in SEARCHED).lower().split()
        return all(any(t.startswith(w) for t in tokens) for w in words)

    return fits


def _test(account: Account, properties: Properties, f: dict[str, Any]) -> Test:
    """One filter. IN and NOT_IN on text know lower-case values only, and enumerations tell case apart."""
    name, operator = str(f.get("propertyName")), str(f.get("operator"))
    prop = properties.get(name) if name not in account.hidden() else None
    if prop is None:
        raise _refuse(account, f"There was a problem with the request: property {name} does not exist")
    kind = prop["type"]
    read = _reader(kind)

    def operand(key: str) -> Any:
        if f.get(key) is None:
            raise _refuse(account, f"The filter on {name} with {operator} needs `{key}`")
        try:
            values = f[key]
            return [read(str(v)) for v in values] if key == "values" else read(str(values))
        except ValueError:
            raise _refuse(account, f"The filter on {name} cannot compare a {kind} with {f[key]}") from None

    compare = _comparison(operator, operand)
    if compare is not None:
        return lambda values: bool(values.get(name)) and bool(compare(read(values[name])))
    match operator:
        case "HAS_PROPERTY":
            return lambda values: bool(values.get(name))
        case "NOT_HAS_PROPERTY":
            return lambda values: not values.get(name)
        case "EQ" | "NEQ":
            one, wanted = operand("value"), operator == "EQ"
            return lambda values: (bool(values.get(name)) and read(values[name]) == one) == wanted
        case "IN" | "NOT_IN":
            operand("values")
            some, wanted = {str(v) for v in f["values"]}, operator == "IN"
            lower = kind == "string"
            return lambda values: ((values.get(name, "").lower() if lower else values.get(name, "")) in some) == wanted
        case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
            token, wanted = str(operand("value")).lower(), operator == "CONTAINS_TOKEN"
            return lambda values: _has_token(values.get(name, "").lower(), token) == wanted
    raise _refuse(account, f"{operator} is not a filter operator")


def _comparison(operator: str, operand: Callable[[str], Any]) -> Callable[[Any], bool] | None:
    if operator not in ("LT", "LTE", "GT", "GTE", "BETWEEN"):
        return None
    low = operand("value")
    match operator:
        case "LT":
            return lambda here: bool(here < low)
        case "LTE":
            return lambda here: bool(here <= low)
        case "GT":
            return lambda here: bool(here > low)
        case "GTE":
            return lambda here: bool(here >= low)
    high = operand("highValue")
    return lambda here: bool(low <= here <= high)


def _has_token(text: str, token: str) -> bool:
    tokens = text.replace(";", " ").replace("@", " ").split() + text.split()
    return any(token.strip("*") in t for t in tokens) if "*" in token else token in tokens


def _reader(kind: str) -> Callable[[str], Any]:
    """Text as what a property of this type is compared as."""
    match kind:
        case "number":
            return float
        case "date" | "datetime":
            return to_ms
        case "enumeration" | "bool":
            return str
    return str.lower


def _sort(account: Account, properties: Properties, sorts: list[Any]) -> tuple[Callable[[Values], Any], bool] | None:
    """One rule: `{"propertyName", "direction"}`, or `"name"` and `"-name"`. Records without a value come last."""
    if not sorts:
        return None
    if len(sorts) > 1:
        raise _refuse(account, "Only one sort rule is supported")
    rule = sorts[0]
    name = rule if isinstance(rule, str) else str(rule.get("propertyName"))
    down = name.startswith("-") or (isinstance(rule, dict) and rule.get("direction") == "DESCENDING")
    name = name.removeprefix("-")
    prop = properties.get(name)
    if prop is None:
        raise _refuse(account, f"cannot sort by {name}: no such property")
    read = _reader(prop["type"])

    def key(values: Values) -> Any:
        value = values.get(name)
        return (bool(value) == down, read(value)) if value else (not down,)

    return key, down
