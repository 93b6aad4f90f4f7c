"""The yardstick: what one would write by hand on granian's RSGI with msgspec, and nothing more."""

from __future__ import annotations

from typing import Annotated

import msgspec

RESOURCES = 150
TEXT = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json")]
PIPELINE = [("content-type", "application/json"), ("x-pipeline", "on")]

encode = msgspec.json.Encoder().encode


class User(msgspec.Struct):
    id: int
    name: str
    email: str
    verbose: bool


class NewUser(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    age: Annotated[int, msgspec.Meta(ge=0, le=150)]
    tags: list[str]


class Item(msgspec.Struct):
    id: int
    name: str
    price: float
    available: bool


class Quote(msgspec.Struct):
    order: int
    total: int
    trail: list[str]


class ResourceView(msgspec.Struct):
    resource: int
    id: int


class UnknownOrderError(Exception):
    def __init__(self, order: int) -> None:
        super().__init__(order)
        self.order = order


class HelloService:
    def greeting(self) -> str:
        return "Hello World"


class Taxes:
    def rate(self) -> int:
        return 2


class Prices:
    def __init__(self, taxes: Taxes) -> None:
        self.taxes = taxes

    def total(self, order: int) -> int:
        return order * 100 + self.taxes.rate()


class Orders:
    def __init__(self, prices: Prices) -> None:
        self.prices = prices

    def quote(self, order: int, audit: Audit) -> Quote:
        if order == 404:
            raise UnknownOrderError(order)
        audit.record("quoted")
        return Quote(order, self.prices.total(order), audit.trail)


class Audit:
    """Belongs to one request."""

    def __init__(self) -> None:
        self.trail: list[str] = []

    def record(self, event: str) -> None:
        self.trail.append(event)


hello = HelloService()
orders = Orders(Prices(Taxes()))
items = [Item(n, f"Item {n}", n + 0.5, n % 2 == 0) for n in range(100)]
decode_new_user = msgspec.json.Decoder(NewUser).decode


async def plaintext(scope, proto, rest):
    return proto.response_str(200, TEXT, hello.greeting())


async def message(scope, proto, rest):
    return proto.response_bytes(200, JSON, encode({"message": "Hello World"}))


async def read_user(scope, proto, rest):
    verbose = False
    for pair in scope.query_string.split("&"):
        if pair.startswith("verbose="):
            value = pair[8:]
            if value not in ("true", "false"):
                return refuse(proto, 400, "verbose must be true or false")
            verbose = value == "true"
    try:
        number = int(rest)
    except ValueError:
        return refuse(proto, 400, "id must be an integer")
    user = User(number, f"User {number}", f"user{number}@example.com", verbose)
    return proto.response_bytes(200, JSON, encode(user))


async def create_user(scope, proto, rest):
    body = await proto()
    try:
        user = decode_new_user(body)
    except msgspec.DecodeError as error:
        return refuse(proto, 400, str(error))
    return proto.response_bytes(201, JSON, encode(user))


async def quote(scope, proto, rest):
    if scope.headers.get("authorization") != "Bearer secret":
        return refuse(proto, 401, "no such token")
    try:
        order = int(rest)
    except ValueError:
        return refuse(proto, 400, "id must be an integer")
    if not 1 <= order <= 1000:
        return refuse(proto, 400, "id must be between 1 and 1000")
    try:
        answer = orders.quote(order, Audit())
    except UnknownOrderError as error:
        return refuse(proto, 404, f"Order {error.order} is unknown")
    return proto.response_bytes(200, PIPELINE, encode(answer))


async def list_items(scope, proto, rest):
    return proto.response_bytes(200, JSON, encode(items))


def resource_routes(number):
    async def index(scope, proto, rest):
        return proto.response_bytes(200, JSON, encode({"resource": number}))

    async def read(scope, proto, rest):
        try:
            answer = ResourceView(number, int(rest))
        except ValueError:
            return refuse(proto, 400, "id must be an integer")
        return proto.response_bytes(200, JSON, encode(answer))

    return index, read


def refuse(proto, status, reason):
    proto.response_bytes(status, JSON, encode({"error": reason}))


exact = {
    ("GET", "/plaintext"): plaintext,
    ("GET", "/json"): message,
    ("POST", "/users"): create_user,
    ("GET", "/items"): list_items,
}
below = {("GET", "/users"): read_user, ("GET", "/orders"): quote}
for number in range(RESOURCES):
    index, read = resource_routes(number)
    exact["GET", f"/resource{number}"] = index
    below["GET", f"/resource{number}"] = read


class Application:
    async def __rsgi__(self, scope, proto):
        method, path = scope.method, scope.path
        handler = exact.get((method, path))
        if handler is not None:
            return await handler(scope, proto, "")
        prefix, _, rest = path.rpartition("/")
        handler = below.get((method, prefix))
        if handler is None:
            return refuse(proto, 404, "no such path")
        return await handler(scope, proto, rest)


app = Application()
