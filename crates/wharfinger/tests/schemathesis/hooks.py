"""What no schema can say, told to Schemathesis: which things exist, what must be fresh, and how lines are written.

Only values that fit their schemas are replaced; what is wrong on purpose is sent as it is.
"""

import datetime
import itertools
import json
import math
import re
from decimal import Decimal

import requests.adapters
import schemathesis

ORGANISATION = "DEMO"
DIALECTS = ("native", "reevoo", "centra", "gosweetspot")
FORMS = (*DIALECTS, "submitted")
CODE = re.compile(r"\.{0,63}[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
CURSOR = re.compile(r"[A-Za-z0-9_-]+")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9:]+)")
DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt ][0-9:.]+([Zz]|[+-][0-9:]+)?)?")
IDEMPOTENCY_KEY = re.compile(r"[!#-~]([ -~]*[!#-~])?")
IDEMPOTENCY_KEY_CHARS_MAX = 255
DIGITS_MAX = 38
SIMULATIONS = ("503", "429", "timeout", "cut-before", "cut-after")
LINES = ("application/x-ndjson", "application/jsonl")
ORDERED_FILTERS = ("key", "key_prefix", "number", "email", "batch", "updated_after")

# The settings of each kind of destination, with values that mean something. What is None is left out.
DESTINATIONS = {
    "webhook": {"url": "https://hooks.example.invalid/orders", "form": "native", "signature": "v1", "parallel": 1, "order": "key"},
    "postgres": {"url": "postgres://user@db.example.invalid/orders", "password": None, "ca": None, "schema": "orders"},
    "nats": {"url": "nats://nats.example.invalid", "form": "native", "prefix": "orders", "stream": "ORDERS", "create": True}
    | dict.fromkeys(("user", "password", "token", "ca")),
    "files": {"directory": "orders", "form": "native", "compression": "none", "interval_s": 1, "bytes_max": 1024},
}
SETTINGS = {name: value for kind in DESTINATIONS.values() for name, value in kind.items()}

numbers = itertools.count(1)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """OpenAPI 3.1 has no word for lines. Here each is an order, and the body an array of them."""
    content = raw_schema["paths"]["/v1/batches"]["post"]["requestBody"]["content"]
    for media_type in LINES:
        media = content[media_type]
        media["schema"] = content["application/json"]["schema"]
        media["example"] = [json.loads(line) for line in media["example"].splitlines()]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Header fields that nobody knows are passed over, as HTTP has it."""
    is_passed_over = "object with unexpected properties" in failure.message and "in header" in failure.message
    return not is_passed_over


@schemathesis.serializer(*LINES)
def lines(context, value):
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    orders = value if isinstance(value, list) else [value]
    return "".join(json.dumps(order) + "\n" for order in orders).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    query, path, headers = case.query or {}, case.path_parameters or {}, case.headers or {}
    for place, name in ((query, "organisation"), (path, "organisation"), (path, "trkref"), (headers, "site_id")):
        if fits(CODE, place.get(name)):
            place[name] = ORGANISATION
    if case.path.endswith(("/products", "/customers", "/rules", "/rules/test")) and fits(CODE, path.get("code")):
        path["code"] = ORGANISATION
    # Needed for orders that do not name their organisation.
    if case.path == "/v1/batches" and case.method == "POST" and "organisation" not in query:
        case.query = {**query, "organisation": ORGANISATION}
        query = case.query
    # Only cursors that a list has returned are valid.
    if fits(CURSOR, query.get("after")):
        del query["after"]
    # Some filters of orders have an order of their own.
    if case.path == "/v1/orders" and query.get("order") == "newest" and any(name in query for name in ORDERED_FILTERS):
        del query["order"]
    # Only deliveries carry an order, which has a form.
    if case.path == "/v1/events" and query.get("form") != "delivery" and query.get("as") in FORMS:
        del query["as"]
    # A time ends after it begins, and has only so many steps.
    if case.path in ("/v1/stats", "/v1/errors"):
        for name in ("from", "to"):
            if fits(TIME, query.get(name)) or fits(DATE, query.get(name)):
                del query[name]
    # The codes of errors are in the manual.
    if case.path == "/v1/rejections" and isinstance(query.get("code"), str):
        query["code"] = "required"
    # The body's schema is that of the native format.
    if query.get("dialect") in DIALECTS and case.method != "GET":
        query["dialect"] = "native"
    # A name of a file is percent-encoded UTF-8, which a pattern cannot say.
    if isinstance(headers.get("Wharfinger-File-Name"), str) and headers["Wharfinger-File-Name"]:
        headers["Wharfinger-File-Name"] = "orders%20of%20today.json"
    # An idempotency key belongs to one request; another request with it is refused.
    key = headers.get("Idempotency-Key")
    if fits(IDEMPOTENCY_KEY, key) and len(key) <= IDEMPOTENCY_KEY_CHARS_MAX:
        fresh = f"{next(numbers)} {key}"[:IDEMPOTENCY_KEY_CHARS_MAX]
        headers["Idempotency-Key"] = fresh.rstrip(' "')
    # The key of the run is not for tests, so each failure on demand is refused.
    if headers.get("Wharfinger-Simulate") in SIMULATIONS:
        del headers["Wharfinger-Simulate"]
    if "/v1/" in case.path:
        mend_body(case.path, case.body)
    if "/rules" in case.path and isinstance(case.body, dict):
        mend_rules(case.path, case.body)
    if case.path.startswith("/v1/destinations") and isinstance(case.body, dict):
        mend_destination(case.path, case.body)


def mend_body(path, body):
    """Names what exists: an organisation, a time to come, no more lines than an order is known to have."""
    for name, value in items(body):
        if isinstance(value, (dict, list)):
            mend_body(path, value)
        elif is_number(value) and digits(value) > DIGITS_MAX:
            body[name] = math.copysign(1.5, value)
    if not isinstance(body, dict):
        return
    # A number may be spelled 1e+16, which is not a valid code.
    if path == "/v1/organisations" and isinstance(body.get("code"), float):
        body["code"] = next(numbers)
    code = body.get("organisation")
    if is_number(code) or (isinstance(code, str) and code.strip()):
        body["organisation"] = ORGANISATION
    codes = body.get("organisations")
    if isinstance(codes, list) and codes and all(isinstance(code, float) or fits(CODE, code) for code in codes):
        body["organisations"] = [ORGANISATION]
    # A pattern does not know which months have 30 days.
    if fits(DATE, body.get("placed_at")) and not is_a_day(str(body["placed_at"])[:10]):
        body["placed_at"] = "2026-11-20"
    if fits(TIME, body.get("expires_at")):
        body["expires_at"] = "2199-12-31T23:59:59Z"
    # Not every number with two decimals satisfies a schema's multipleOf.
    if path.endswith("/products") and isinstance(body.get("price"), float):
        body["price"] = round(body["price"], 2)
    if path.endswith("/fulfilment") and isinstance(body.get("lines"), list):
        # Orders of some dialects have no lines.
        body["lines"] = []


def mend_rules(path, body):
    """What an expression may say is in the manual, and names are unique. A test is of an order, or of the latest ones."""
    rules = body.get("rules")
    names = ("name", "when", "sentence")
    if isinstance(rules, list) and all(isinstance(rule, dict) and is_rule(rule, names) for rule in rules):
        body["rules"] = [{"name": f"rule {at}", "when": "order.total > 1e9", "sentence": "x"} for at in range(len(rules))]
    if path.endswith("/test") and isinstance(body.get("order"), (dict, type(None))) and isinstance(body.get("last"), (int, type(None))):
        body.pop("order", None)
        body["last"] = body.get("last") or 1


def is_rule(rule, names):
    return set(rule) == set(names) and all(is_number(rule[name]) or (isinstance(rule[name], str) and rule[name].strip()) for name in names)


def mend_destination(path, body):
    """Which settings a kind has, and which addresses and names are valid, is in the manual. Others of the right type are replaced."""
    if path.endswith("/replay") and isinstance(body.get("from"), str) and body["from"]:
        body["from"] = "beginning"
    # A change may leave all settings as they are.
    kinds = DESTINATIONS if path == "/v1/destinations" else {None: {}}
    kind = kinds.get(body.get("kind") if isinstance(body.get("kind"), str) else None)
    if kind is None or not all(is_of_type(name, value) for name, value in body.items() if name in SETTINGS):
        return
    for name in SETTINGS:
        body.pop(name, None)
    body.update({name: value for name, value in kind.items() if value is not None})
    if isinstance(body.get("start"), str):
        body["start"] = "now"


def is_of_type(name, value):
    if value is None:
        return name not in ("url", "directory")
    if name in ("parallel", "interval_s", "bytes_max"):
        low, high = {"parallel": (1, 256), "interval_s": (1, 86_400), "bytes_max": (1_024, math.inf)}[name]
        return is_number(value) and value == int(value) and low <= value <= high
    if name == "create":
        return isinstance(value, bool)
    choices = {"form": (*DIALECTS, "submitted", ""), "signature": ("v1", "v1a", ""), "order": ("key", "all", ""), "compression": ("none", "gzip", "zstd")}
    if name in choices:
        return value in choices[name]
    return isinstance(value, str) and len(value) <= 2_048


def items(container):
    return list(container.items() if isinstance(container, dict) else enumerate(container if isinstance(container, list) else ()))


def is_a_day(text):
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def digits(number):
    """How many digits a number has when it is written out, which no schema bounds."""
    exponent = Decimal(repr(number)).as_tuple()
    return max(len(exponent.digits) + exponent.exponent, -exponent.exponent, len(exponent.digits))


def fits(pattern, value):
    return (isinstance(value, str) or is_number(value)) and pattern.fullmatch(str(value)) is not None


class FromAnotherAddress(requests.adapters.HTTPAdapter):
    """Each session has an address of its own: the server shuts out one that has sent too many wrong keys."""

    def init_poolmanager(self, *arguments, **named):
        number = next(numbers)
        address = f"127.{1 + number // 65536 % 250}.{number // 256 % 256}.{1 + number % 255}"
        super().init_poolmanager(*arguments, source_address=(address, 0), **named)


requests.sessions.HTTPAdapter = FromAnotherAddress
