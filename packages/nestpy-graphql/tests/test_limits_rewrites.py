"""G2: however a document is rewritten without changing what it asks for, the verdict on it stays the same."""

import os
import random
from dataclasses import dataclass, field, replace

import pytest
from graphql import build_schema, execute_sync, get_named_type, get_nullable_type, is_leaf_type, is_list_type

from nestpy_graphql._documents import Documents, RefusedDocument
from nestpy_graphql._limits import Limits

CASES, SEED = int(os.environ.get("REWRITES", "250")), int(os.environ.get("REWRITES_SEED", "7"))
"""`make soak` asks for 10,000."""

SCHEMA = build_schema("""
    type Query { user(id: Int): User, users(first: Int): [User], hits: [Hit], page(first: Int): Page, me: User }
    type User implements Named { name: String, age: Int, friends(first: Int): [User], boss: User, posts: [Post] }
    type Post implements Named { name: String, author: User, tags: [String] }
    type Page { items: [Post], total: Int }
    interface Named { name: String }
    union Hit = User | Post
""")
SIZES = {("Query", "users"): (5, 20), ("User", "friends"): (3, 10), ("Query", "page"): (4, 10)}
for (owner, name), (default, maximum) in SIZES.items():
    SCHEMA.type_map[owner].fields[name].extensions["nestpy_size"] = ("first", default, maximum)

LIST_SIZE = 6

FIELDS = {
    "Query": {"user": ("User", "id"), "users": ("User", "first"), "page": ("Page", "first"), "me": ("User", None),
              "hits": ("Hit", None), "__typename": (None, None)},
    "User": {"name": (None, None), "age": (None, None), "friends": ("User", "first"), "boss": ("User", None),
             "posts": ("Post", None), "__typename": (None, None)},
    "Post": {"name": (None, None), "author": ("User", None), "tags": (None, None)},
    "Page": {"items": ("Post", None), "total": (None, None)},
}  # fmt: skip
LISTS = {("Query", "users"), ("Query", "hits"), ("User", "friends"), ("User", "posts"), ("Page", "items")}
FRAGMENT_NAMES = ["__schema", "__type", "__typename", "F", "name", "query", "fragment", "true", "User", "first"]


@dataclass
class Asked:
    """A field of the plain document: what is asked for, before any rewriting."""

    owner: str
    name: str
    alias: str | None = None
    argument: tuple[str, int] | None = None
    below: list["Asked"] = field(default_factory=list)

    @property
    def depth(self):
        return 1 + max((one.depth for one in self.below), default=0)

    @property
    def aliases(self):
        return (self.alias is not None) + sum(one.aliases for one in self.below)

    def cost(self, page=None):
        """What the field costs by the specification of costs, independently of how it is found."""
        if self.name == "__typename":
            return 0
        default, maximum = SIZES.get((self.owner, self.name), (None, None))
        size = None
        if default is not None:
            size = self.argument[1] if self.argument else default
            size = max(size, 1) if 0 <= size <= maximum else maximum
        below = [one.cost(None if (self.owner, self.name) in LISTS else size) for one in self.below]
        if FIELDS[self.owner][self.name][0] == "Hit":
            by_type = {owner: [one for one in self.below if one.owner == owner] for owner in ("User", "Post")}
            below = [max(sum(one.cost() for one in ones) for ones in by_type.values())]
        if (self.owner, self.name) not in LISTS:
            return 1 + sum(below)
        return 1 + (size or page or LIST_SIZE) * max(1, sum(below))


def ask(rng, owner, depth):
    """Draw fields of an object; no two have one name in the answer."""
    names = rng.sample(sorted(FIELDS[owner]), rng.randint(1, min(3, len(FIELDS[owner]))))
    asked = []
    for number, name in enumerate(names):
        type_, argument = FIELDS[owner][name]
        if type_ and depth == 0:
            continue
        alias = f"a{number}" if rng.random() < 0.25 else None
        given = (argument, rng.choice([0, 1, 2, 4, 9, 50])) if argument and rng.random() < 0.7 else None
        below = []
        if type_ == "Hit":
            kinds = rng.sample(["User", "Post"], rng.randint(1, 2))
            below = [
                replace(one, alias=f"{kind.lower()}{i}")  # names of two types may not meet with different types
                for kind in kinds
                for i, one in enumerate(ask(rng, kind, depth - 1))
            ]
        elif type_:
            below = ask(rng, type_, depth - 1)
        asked.append(Asked(owner, name, alias, given, below))
    if not asked:
        leaf = {"Query": "__typename", "User": "name", "Post": "name", "Page": "total"}[owner]
        return [Asked(owner, leaf)]
    return asked


class Plain:
    """Writes a document as it stands."""

    def write(self, asked):
        return "{ " + self.selections("Query", asked) + " }", {}

    def selections(self, owner, asked):
        if owner == "Hit":
            kinds = sorted({one.owner for one in asked})
            return " ".join(
                f"... on {kind} {{ {self.selections(kind, [one for one in asked if one.owner == kind])} }}"
                for kind in kinds
            )
        return " ".join(self.field(one) for one in asked)

    def field(self, one):
        type_ = FIELDS[one.owner][one.name][0]
        below = f" {{ {self.selections(type_, one.below)} }}" if type_ else ""
        return self.head(one) + below

    def head(self, one):
        arguments = f"({one.argument[0]}: {self.value(one.argument[1])})" if one.argument else ""
        return f"{one.alias}: {one.name}{arguments}" if one.alias else f"{one.name}{arguments}"

    def value(self, number):
        return str(number)


class Rewritten(Plain):
    """Writes the same in another way: fragments, variables, idle directives, fields split and repeated."""

    def __init__(self, rng):
        self.rng = rng
        self.fragments = {}
        self.variables = {}
        self.definitions = []
        self.names = rng.sample(FRAGMENT_NAMES, len(FRAGMENT_NAMES))

    def write(self, asked):
        body = self.selections("Query", asked)
        variables = f"({', '.join(self.definitions)})" if self.definitions else ""
        parts = [f"fragment {name} on {owner} {{ {text} }}" for (owner, text), name in self.fragments.items()]
        query = f"query {self.rng.choice(['', 'Q', '__schema'])}{variables} {{ {body} }}"
        parts.insert(self.rng.randint(0, len(parts)), query)
        return "\n".join(parts), self.variables

    def selections(self, owner, asked):
        if owner == "Hit":
            return self.wrapped(owner, super().selections(owner, asked))
        pieces = [self.pieces(one) for one in asked]
        at = self.rng.randint(0, len(pieces))
        first, second = " ".join(pieces[:at]), " ".join(pieces[at:])
        return " ".join(self.wrapped(owner, text) for text in (first, second) if text)

    def pieces(self, one):
        if self.rng.random() < 0.8 or one.owner == "Query" or one.aliases:
            return self.field(one)
        type_ = FIELDS[one.owner][one.name][0]
        if len(one.below) > 1 and type_ != "Hit":
            head = self.head(one)
            return " ".join(f"{head} {{ {self.selections(type_, half)} }}" for half in (one.below[:1], one.below[1:]))
        text = self.field(one)
        return f"{text} {text}"

    def wrapped(self, owner, text):
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            kind = self.rng.choice(["inline", "typed", "named", "interface"])
            condition = f" on {owner}" if kind == "typed" else ""
            if kind == "named":
                text = f"...{self.fragment(owner, text)}{self.changing_nothing()}"
            elif kind == "interface" and owner in {"User", "Post"}:
                text = f"... on Named {{ ... on {owner}{self.changing_nothing()} {{ {text} }} }}"
            else:
                text = f"...{condition}{self.changing_nothing()} {{ {text} }}"
        return text

    def fragment(self, owner, text):
        number = len(self.fragments)
        name = self.names[number] if number < len(self.names) else f"F{number}"
        return self.fragments.setdefault((owner, text), name)

    def changing_nothing(self):
        if self.rng.random() < 0.7:
            return ""
        if self.rng.random() < 0.5:
            return self.rng.choice([" @include(if: true)", " @skip(if: false)", " @skip(if: false) @include(if: true)"])
        return f" @include(if: {self.variable('Boolean', True)})"

    def value(self, number):
        return self.variable("Int", number) if self.rng.random() < 0.6 else str(number)

    def variable(self, type_, value):
        name = f"v{len(self.definitions)}"
        if self.rng.random() < 0.3:
            self.definitions.append(f"${name}: {type_}{'!' if type_ == 'Boolean' else ''} = {str(value).lower()}")
        else:
            self.definitions.append(f"${name}: {type_}{'!' if type_ == 'Boolean' else ''}")
            self.variables[name] = value
        return f"${name}"


def verdict(source, variables, limits):
    documents = Documents(SCHEMA, limits, introspection=False, suggestions=False)
    try:
        prepared = documents.prepare(source, None, variables)
    except RefusedDocument as refused:
        return {error.extensions.get("limit", error.message) for error in refused.errors}, None
    return set(), prepared


def drawn_limits(rng, asked):
    """Draw limits that the document just keeps or just misses, and what they must say of it."""
    numbers = {
        "max_depth": max(one.depth for one in asked),
        "max_root_fields": len(asked),
        "max_aliases": sum(one.aliases for one in asked),
        "max_cost": sum(one.cost() for one in asked),
    }
    limit = rng.choice([name for name, number in numbers.items() if number > 1] or [None])
    chosen = dict.fromkeys(numbers, 10**6) | {"max_directives": 10**6, "max_tokens": 10**6, "list_size": LIST_SIZE}
    if limit is None:
        return Limits(**chosen), set()
    kept = rng.random() < 0.5
    return Limits(**chosen | {limit: numbers[limit] - (not kept)}), set() if kept else {limit}


@pytest.mark.timeout(60 + CASES)
def test_a_rewritten_document_gets_the_verdict_of_the_plain_one():
    passed = refused = 0
    for case in range(CASES):
        rng = random.Random(SEED * 1_000_003 + case)
        asked = ask(rng, "Query", rng.randint(1, 4))
        limits, expected = drawn_limits(rng, asked)
        source, _ = Plain().write(asked)
        assert verdict(source, {}, limits)[0] == expected, source
        rewritten, variables = Rewritten(rng).write(asked)
        assert verdict(rewritten, variables, limits)[0] == expected, f"{source}\n{rewritten}\n{variables}\n{limits}"
        passed, refused = passed + (not expected), refused + bool(expected)
    assert min(passed, refused) >= CASES // 4


@pytest.mark.parametrize("case", range(60))
def test_a_rewritten_document_asks_for_the_same(case):
    """The rewriter itself is held to its word: both documents are executed and give one answer."""
    rng = random.Random(case)
    asked = ask(rng, "Query", 3)

    def resolve(source, info, **arguments):
        if is_leaf_type(get_named_type(info.return_type)):
            made = info.field_name if get_named_type(info.return_type).name == "String" else 1
        else:
            made = {"arguments": sorted(arguments.items())}
        return [made] * 2 if is_list_type(get_nullable_type(info.return_type)) else made

    answers = []
    for writer in (Plain(), Rewritten(rng)):
        source, variables = writer.write(asked)
        prepared = verdict(source, variables, Limits(max_cost=10**6, max_directives=10**6))[1]
        assert prepared is not None, source
        answers.append(
            execute_sync(
                SCHEMA, prepared.document, variable_values=variables, field_resolver=resolve,
                type_resolver=lambda value, info, type_: "User",
            )
        )  # fmt: skip
    assert answers[0].errors is None
    assert answers[0] == answers[1]


@pytest.mark.timeout(60 + CASES)
def test_introspection_hides_in_no_rewriting():
    for case in range(CASES // 4):
        rng = random.Random(case)
        source, variables = Rewritten(rng).write(ask(rng, "Query", 2))
        spots = [
            at for at, text in enumerate(source.split("{")) if text.rstrip().endswith(("query", "on Query", "..."))
        ]
        assert verdict(source, variables, Limits(max_cost=10**6, max_directives=10**6))[0] == set(), source
        at = rng.choice(spots or [0])
        parts = source.split("{")
        parts[at + 1] = " alias: __schema { queryType { name } } " + parts[at + 1]
        (message,) = verdict("{".join(parts), variables, Limits(max_cost=10**6, max_directives=10**6))[0]
        assert message.startswith("Introspection is off"), source
