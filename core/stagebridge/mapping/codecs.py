"""Codecs: how one value reads from the wire and how it is written back. `Invalid` says why it cannot."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from stagebridge import normalize
from stagebridge.clock import cut
from stagebridge.mapping import steps
from stagebridge.mapping.steps import Beside, Step
from stagebridge.normalize import Invalid, masked

PLAIN = frozenset(
    [
        "text",
        "opaque",
        "email",
        "phone",
        "country",
        "country_name",
        "currency",
        "language",
        "timezone",
        "url",
        "date",
        "datetime",
        "datetime_s",
        "epoch_s",
        "epoch_ms",
        "bool",
        "int",
        "number",
        "decimal",
        "cents",
        "raw",
    ]
)
"""Codecs that have no argument."""

STEPS = frozenset(["lower", "upper", "digits", "letters", "compact", "int", "sha256"])
"""What a chain for writing may do besides: `compact` is a date without hyphens, `letters` drops everything else."""

OF_KIND = {
    "text": "text", "email": "email", "emails": "email", "phone": "phone", "phones": "phone", "country": "country",
    "language": "language", "timezone": "timezone", "url": "url", "date": "date", "datetime": "datetime",
    "set": "text", "stage": "text", "consent": "text", "gender": "text", "number": "number", "opaque": "opaque",
    "any": "text", "decimal": "decimal", "int": "int", "currency": "currency",
}  # fmt: skip
"""The codec of a path that names none."""

LARGEST = 40
"""Digits before the decimal point that a number may have; beyond, nobody means it."""


@dataclass(frozen=True, slots=True)
class Codec:
    """`read` turns a wire value into the canonical one, `write` the other way. `type` is what a field of it would be
    provisioned as: string, date, datetime, bool, number. A canonical text comes back through an `exact` one as it was.
    """

    name: str
    read: Step
    write: Step
    type: str = "string"
    exact: bool = False

    def image(self, value: Any) -> Any:
        """What `value` reads as after it was written."""
        return value if self.exact and type(value) is str else self.read(self.write(value))


@dataclass(frozen=True, slots=True)
class Context:
    """What codecs need to know about a connection: its default phone region, its time zone, and the account's facts."""

    region: str | None = None
    zone: str | None = None
    facts: Mapping[str, Any] | None = None


def known(name: str) -> bool:
    """Whether a codec of that name exists."""
    return name in PLAIN or bool(re.fullmatch(r"datetime\(.+\)|lookup\(\w+\)", name))


def known_step(name: str) -> bool:
    first = re.fullmatch(r"first\([1-9]\d*\)", name)
    return name in STEPS or known(name) or first is not None or steps.find(name) is not None


def make(name: str, context: Context, kind: str = "") -> Codec:
    """The codec of that name for a connection, for a path of that kind. Raises `ValueError` for a zone that does not
    exist."""
    if name.startswith("datetime("):
        form, _, zone = name[9:-1].partition(",")
        return _formatted(name, form.strip(), zone.strip() or context.zone)
    if name.startswith("lookup("):
        return _lookup(name, name[7:-1], context)
    if name == "date" and kind == "datetime":  # the platform keeps the day of it
        return Codec(name, _midnight, lambda v: _date(v).isoformat(), "date")
    region = context.region
    table: dict[str, Codec] = {
        "text": Codec(name, _text, _str, exact=True),
        "opaque": Codec(name, _str, _str, exact=True),
        "raw": Codec(name, lambda v: v, lambda v: v, exact=True),
        "email": Codec(name, lambda v: normalize.email(_str(v)), _str, exact=True),
        "phone": Codec(name, lambda v: normalize.phone(_str(v), region), _str, exact=True),
        "country": Codec(name, _country, _str, exact=True),
        "country_name": Codec(name, _country, normalize.country_name, exact=True),
        "currency": Codec(name, _currency, _str, exact=True),
        "language": Codec(name, _language, _str, exact=True),
        "timezone": Codec(name, _timezone, _str, exact=True),
        "url": Codec(name, lambda v: normalize.url(_str(v)), _str, exact=True),
        "date": Codec(name, read_date, lambda v: _date(v).isoformat(), "date"),
        "datetime": Codec(name, read_datetime, lambda v: _iso(v, "milliseconds"), "datetime"),
        "datetime_s": Codec(name, _whole_seconds, lambda v: _iso(v, "seconds"), "datetime"),
        "epoch_s": Codec(name, lambda v: _epoch(v, 1), _seconds, "datetime"),
        "epoch_ms": Codec(
            name, lambda v: _epoch(v, 1000), lambda v: round(read_datetime(v).timestamp() * 1000), "datetime"
        ),
        "bool": Codec(name, _bool, _bool, "bool"),
        "int": Codec(name, _int, _int, "number"),
        "number": Codec(name, _number, _number, "number"),
        "decimal": Codec(name, _decimal, _decimal, "number"),
        "cents": Codec(name, lambda v: _decimal(v) / 100, lambda v: int(_decimal(v) * 100), "number"),
    }
    return table[name]


def step(name: str, context: Context) -> Step | Beside:
    """One step of a writing chain; a connector's own may look at a second value."""
    own = steps.find(name) if "." in name else None
    if own is not None:
        return own
    if name.startswith("first("):
        length = int(name[6:-1])
        return lambda v: str(v)[:length]
    ours: dict[str, Step] = {
        "lower": lambda v: str(v).lower(),
        "upper": lambda v: str(v).upper(),
        "digits": lambda v: re.sub(r"\D", "", str(v)),
        "letters": lambda v: "".join(c for c in str(v) if c.isalpha()),
        "compact": lambda v: _date(v).strftime("%Y%m%d"),
        "int": _int,
        "sha256": lambda v: hashlib.sha256(str(v).encode()).hexdigest(),
    }
    return ours[name] if name in ours else make(name, context).write


def on_the_wire(value: Any, text: bool) -> Any:
    """The JSON scalar for a written value; on a `wire: text` platform everything is text."""
    kind = type(value)
    if kind is str or (kind is int and not text):
        return value
    if kind is Decimal:
        return str(value) if text else float(value)
    if isinstance(value, datetime):
        value = _iso(value, "milliseconds")
    elif isinstance(value, date):
        value = value.isoformat()
    if text and not isinstance(value, str):
        return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return value


# --- the single ones ------------------------------------------------------------------------------------------


def _str(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):  # a datetime is one too
        return str(on_the_wire(value, text=True))
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise Invalid("not a single value")


def _few(reading: Callable[[str], str]) -> Step:
    """For what has few values in a whole account: each is read once."""
    cached = lru_cache(maxsize=1024)(reading)
    return lambda v: cached(_str(v))


_country, _language, _timezone = _few(normalize.country), _few(normalize.language), _few(normalize.timezone)


def _currency(value: Any) -> str:
    found = _str(value).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", found):
        raise Invalid(f"'{masked(found)}' is not a currency of three letters")
    return found


def _text(value: Any) -> str | None:
    if type(value) is str and value.isascii():
        return value.strip() or None
    return normalize.text(_str(value)) or None


def read_datetime(value: Any) -> datetime:
    """ISO 8601 with a zone (also `+0000`), or epoch milliseconds; cut to milliseconds."""
    if type(value) is str and len(value) == 24 and value[-1] == "Z":  # as nearly every platform writes it
        try:
            moment = datetime.fromisoformat(value)
            return moment if moment.microsecond % 1000 == 0 else cut(moment)
        except ValueError:
            pass
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"-?\d{9,}", value.strip())):
        return _epoch(value, 1000)
    else:
        try:
            moment = datetime.fromisoformat(_str(value).strip())
        except ValueError:
            raise Invalid(f"'{masked(_str(value))}' is not a date and time") from None
    if moment.tzinfo is None:
        raise Invalid("a date and time without a zone")
    return _cut(moment)


def _cut(moment: datetime) -> datetime:
    try:
        return cut(moment)
    except OverflowError:
        raise Invalid("a time outside the calendar") from None


def _whole_seconds(value: Any) -> datetime:
    return read_datetime(value).replace(microsecond=0)


def _iso(value: Any, precision: str) -> str:
    return read_datetime(value).isoformat(timespec=precision).replace("+00:00", "Z")


def _seconds(value: Any) -> int:
    canonical = type(value) is datetime and value.tzinfo is not None
    return int((value if canonical else read_datetime(value)).timestamp())


def _epoch(value: Any, unit: int) -> datetime:
    number = _decimal(value)
    try:
        return cut(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(number * 1000 / unit)))
    except OverflowError:
        raise Invalid("a time outside the calendar") from None


def read_date(value: Any) -> date:
    """`YYYY-MM-DD`, also with a time after it, or epoch milliseconds at midnight UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, date):
        return value
    text = _str(value).strip()
    if re.fullmatch(r"-?\d{9,}|0", text):
        return _epoch(text, 1000).date()
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text).date()
    except ValueError:
        raise Invalid(f"'{masked(text)}' is not a date") from None


def _date(value: Any) -> date:
    return read_date(value)


def _midnight(value: Any) -> datetime:
    return datetime.combine(read_date(value), time(), UTC)


def _formatted(name: str, form: str, zone: str | None) -> Codec:
    try:
        tz = ZoneInfo(zone) if zone else UTC
    except (KeyError, ValueError, OSError):
        raise ValueError(f"'{zone}' is no time zone") from None

    def reading(value: Any) -> datetime:
        try:
            moment = datetime.strptime(_str(value).strip(), form)
        except ValueError:
            raise Invalid(f"'{masked(_str(value))}' is not a time of the form {form}") from None
        return _cut(moment if moment.tzinfo else moment.replace(tzinfo=tz))

    return Codec(name, reading, lambda v: read_datetime(v).astimezone(tz).strftime(form), "datetime")


def _lookup(name: str, which: str, context: Context) -> Codec:
    folded = which == "owners"  # e-mail addresses
    found = (context.facts or {}).get(which) or {}
    table = {str(k): str(v).casefold() if folded else str(v) for k, v in found.items() if v}
    ids = {v.casefold(): k for k, v in sorted(table.items(), reverse=True)}

    def reading(value: Any) -> str:
        known = table.get(_str(value))
        if known is None:
            raise Invalid(f"{which} of this account have no id {_str(value)}")
        return known

    def writing(value: Any) -> str:
        known = ids.get(_str(value).casefold())
        if known is None:
            raise Invalid(f"'{masked(_str(value))}' is not among the {which} of this account")
        return known

    return Codec(name, reading, writing)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = _str(value).strip().casefold()
    if text in ("true", "yes", "1"):
        return True
    if text in ("false", "no", "0"):
        return False
    raise Invalid(f"'{masked(text)}' is neither true nor false")


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise Invalid("a truth value is not a number")
    try:
        number = value if type(value) is Decimal else Decimal(_str(value).strip())
    except InvalidOperation:
        raise Invalid(f"'{masked(_str(value))}' is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > LARGEST:
        raise Invalid("not a number of a usual size")
    return number


def _int(value: Any) -> int:
    if type(value) is int and abs(value) < 10**LARGEST:
        return value
    number = _decimal(value)
    if number != number.to_integral_value():
        raise Invalid("not a whole number")
    return int(number)


def _number(value: Any) -> int | float:
    number = _decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)
