"""Random policies as plain data, an oracle that knows nothing of nestpy, and the same rules as `define` writes them."""

import datetime as dt
import decimal
import math
import uuid

from hypothesis import strategies as st

from nestpy_authz import all_of, any_of, gt, gte, is_in, is_not_null, is_null, lt, lte, ne, not_, related, where

UTC = dt.UTC
VALUES = {
    "number": [None, 0, 1, -1, 2, 7, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)],
    "name": [
        None,
        "",
        "a",
        "A",
        "Z",
        "z",
        "b",
        "ab",
        "é",
        "e\u0301",
        "ß",
        "ss",
        "İ",
        "ﬀ",
        "~",
        "_",
        "%",
        " a",
        "a ",
        "\U0001f600",
        "'",
        "NULL",
    ],
    "ratio": [None, 0.0, -0.0, 0.1, 0.30000000000000004, 1.0, -1.5, 1e308, 5e-324, 7.0],
    "price": [None, *map(decimal.Decimal, ["0", "0.00", "0.10", "1.00", "-1.50", "99999999.99", "7"])],
    "flag": [None, True, False],
    "moment": [
        None,
        dt.datetime(2020, 1, 1, tzinfo=UTC),
        dt.datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        dt.datetime(2020, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        dt.datetime(2020, 1, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=-8))),
    ],
    "local": [
        None,
        dt.datetime(2020, 1, 1),  # noqa: DTZ001  # a column without a zone
        dt.datetime(2020, 1, 1, 0, 0, 0, 500000),  # noqa: DTZ001  # a column without a zone
        dt.datetime(1999, 12, 31, 23, 59, 59),  # noqa: DTZ001  # a column without a zone
    ],
    "day": [None, dt.date(2020, 1, 1), dt.date(1970, 1, 1), dt.date(2020, 12, 31)],
    "key": [
        None,
        uuid.UUID(int=0),
        uuid.UUID(int=1),
        uuid.UUID(int=2**128 - 1),
        uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ],
    "blob": [None, b"", b"\x00", b"\xff", b"a", b"ab"],
    "owner.org": [None, 1, 2, 3],
    "owner.label": [None, "a", "B"],
    "owner": [None, 1, 2, 3, 4],
}
ORDERED = ("eq", "ne", "lt", "lte", "gt", "gte")
OPERATORS = {"ne": ne, "lt": lt, "lte": lte, "gt": gt, "gte": gte}
WORLD_ROWS = 120


def comparisons():
    def of(field):
        value = st.sampled_from(VALUES[field])
        simple = st.tuples(st.just("cmp"), st.just(field), st.sampled_from(ORDERED), value)
        many = st.tuples(st.just("cmp"), st.just(field), st.just("in"), st.lists(value, max_size=3).map(tuple))
        null = st.tuples(st.just("cmp"), st.just(field), st.just("is_null"), st.booleans())
        return st.one_of(simple, simple, many, null)

    return st.sampled_from(sorted(VALUES)).flatmap(of)


def conditions():
    return st.recursive(
        comparisons(),
        lambda inner: st.one_of(
            st.tuples(st.just("and"), st.lists(inner, max_size=3)),
            st.tuples(st.just("or"), st.lists(inner, max_size=3)),
            st.tuples(st.just("not"), inner),
        ),
        max_leaves=4,
    )


def rules():
    return st.tuples(
        st.sampled_from([True, True, False]),
        st.sampled_from(["read", "read", "manage", "update"]),
        st.sampled_from(["Thing", "Thing", "Thing", "all", "Owner"]),
        st.one_of(conditions(), conditions(), st.just(("and", []))),
        st.one_of(st.none(), st.none(), st.frozensets(st.sampled_from(["number", "name", "flag"]), min_size=1)),
    )


POLICIES = st.lists(rules(), max_size=5)


def random_policy(random):
    """Draw a policy as `POLICIES` does, a hundred times as fast."""
    return [_rule(random) for _ in range(random.choice((0, 1, 1, 2, 2, 3, 5)))]


def _rule(random):
    fields = None
    if random.random() < 0.25:
        fields = frozenset(random.sample(["number", "name", "flag"], random.randint(1, 3)))
    return (
        random.random() < 0.67,
        random.choice(("read", "read", "manage", "update")),
        random.choice(("Thing", "Thing", "Thing", "all", "Owner")),
        ("and", []) if random.random() < 0.2 else _condition(random, 2),
        fields,
    )


def _condition(random, depth):
    kind = random.random()
    if depth and kind < 0.15:
        return ("not", _condition(random, depth - 1))
    if depth and kind < 0.45:
        inner = [_condition(random, depth - 1) for _ in range(random.choice((0, 1, 2, 2, 3)))]
        return (random.choice(("and", "or")), inner)
    field = random.choice(list(VALUES))
    operator = random.choice((*ORDERED, "eq", "in", "is_null"))
    if operator == "in":
        return ("cmp", field, "in", tuple(random.choices(VALUES[field], k=random.choice((0, 1, 2, 3)))))
    if operator == "is_null":
        return ("cmp", field, "is_null", random.random() < 0.5)
    return ("cmp", field, operator, random.choice(VALUES[field]))


# -- the oracle: SQL's three values, written from the standard


def decide(condition, row):
    """Return True, False or None for unknown."""
    kind = condition[0]
    if kind == "not":
        inner = decide(condition[1], row)
        return None if inner is None else not inner
    if kind == "and":
        found = [decide(one, row) for one in condition[1]]
        return False if False in found else None if None in found else True
    if kind == "or":
        found = [decide(one, row) for one in condition[1]]
        return True if True in found else None if None in found else False
    return _decide_comparison(*condition[1:], row)


def _decide_comparison(field, operator, value, row):
    held = row[field]
    if operator == "is_null":
        return (held is None) is value
    if operator == "in":
        found = [_decide_comparison(field, "eq", one, row) for one in value]
        return True if True in found else None if None in found else False
    if held is None or value is None:
        return None
    if isinstance(held, str):
        held, value = held.encode(), value.encode()
    return {
        "eq": held == value,
        "ne": held != value,
        "lt": held < value,
        "lte": held <= value,
        "gt": held > value,
        "gte": held >= value,
    }[operator]


def allowed(policy, action, row):
    """Decide by brute force: some grant, no denial, nothing unknown about a denial."""
    about = [rule for rule in policy if rule[1] in (action, "manage") and rule[2] in ("Thing", "all")]
    grants = [decide(rule[3], row) for rule in about if rule[0]]
    denials = [decide(rule[3], row) for rule in about if not rule[0] and rule[4] is None]
    return True in grants and all(found is False for found in denials)


def shown(policy, row, columns):
    """Return the fields of an allowed row, by brute force."""
    about = [rule for rule in policy if rule[1] in ("read", "manage") and rule[2] in ("Thing", "all")]
    fields = set()
    for rule in about:
        if rule[0] and decide(rule[3], row) is True:
            fields |= set(columns) if rule[4] is None else rule[4]
    for rule in about:
        if not rule[0] and rule[4] is not None and decide(rule[3], row) is not False:
            fields -= rule[4]
    return fields & set(columns)


# -- the same policy, in the words of nestpy-authz


def write(policy, subjects, can, cannot):
    for allows, action, subject, condition, fields in policy:
        (can if allows else cannot)(action, subjects.get(subject, "all"), _written(condition), fields=fields)


def _written(condition):
    kind = condition[0]
    if kind == "not":
        return not_(_written(condition[1]))
    if kind in ("and", "or"):
        return (all_of if kind == "and" else any_of)(*map(_written, condition[1]))
    _, field, operator, value = condition
    if operator == "in":
        wanted = is_in(value)
    elif operator == "is_null":
        wanted = is_null() if value else is_not_null()
    else:
        wanted = value if operator == "eq" else OPERATORS[operator](value)
    first, _, rest = field.partition(".")
    return where(**{first: related(**{rest: wanted}) if rest else wanted})


def random_rows(random):
    """Return rows as plain data: every value at least once, then whatever comes, owners joined in."""
    owners = [
        {"id": 1, "org": 1, "label": "a"},
        {"id": 2, "org": 2, "label": None},
        {"id": 3, "org": None, "label": "B"},
        {"id": 4, "org": 3, "label": "a"},
    ]
    columns = [name for name in VALUES if "." not in name]
    rows = []
    for number in range(WORLD_ROWS):
        row = {"id": number + 1}
        for name in columns:
            values = VALUES[name]
            row[name] = values[number % len(values)] if number < 24 else random.choice(values)
        owner = next((one for one in owners if one["id"] == row["owner"]), {})
        row["owner.org"], row["owner.label"] = owner.get("org"), owner.get("label")
        rows.append(row)
    return owners, rows


def is_zero(value):
    return isinstance(value, float) and math.copysign(1, value) < 0
