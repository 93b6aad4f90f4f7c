"""BlackSheep with its dependency injection; msgspec by hand for bodies, decorators around handlers as its docs show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any

import msgspec
from blacksheep import Application, Content, FromRoute, Request, Response, text
from blacksheep.exceptions import BadRequest, Unauthorized

RESOURCES = 150

encode = msgspec.json.Encoder().encode
Handler = Callable[..., Awaitable[Response]]


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


class Audit:
    """Belongs to one request."""

    def __init__(self) -> None:
        self.trail: list[str] = []

    def record(self, event: str) -> None:
        self.trail.append(event)


class Orders:
    def __init__(self, prices: Prices) -> None:
        self.prices = prices

    def quote(self, order: int, audit: Audit) -> Quote:
        if order == 404:
            raise UnknownOrderError(order)
        audit.record("quoted")
        return Quote(order, self.prices.total(order), audit.trail)


items = [Item(n, f"Item {n}", n + 0.5, n % 2 == 0) for n in range(100)]
decode_new_user = msgspec.json.Decoder(NewUser).decode

app = Application(show_error_details=False)
app.services.add_singleton(HelloService)
app.services.add_singleton(Taxes)
app.services.add_singleton(Prices)
app.services.add_singleton(Orders)
app.services.add_scoped(Audit)
get, post = app.router.get, app.router.post


def answer(value: object, status: int = 200) -> Response:
    return Response(status, content=Content(b"application/json", encode(value)))


def marked(handler: Handler) -> Handler:
    @wraps(handler)
    async def intercepted(*arguments: Any, **named: Any) -> Response:
        response = await handler(*arguments, **named)
        response.add_header(b"x-pipeline", b"on")
        return response

    return intercepted


@app.exception_handler(UnknownOrderError)
async def unknown_order(application: Application, request: Request, error: UnknownOrderError) -> Response:
    return answer({"error": f"Order {error.order} is unknown"}, 404)


@get("/plaintext")
async def plaintext(hello: HelloService) -> Response:
    return text(hello.greeting())


@get("/json")
async def message() -> Response:
    return answer({"message": "Hello World"})


@get("/users/{id}")
async def read_user(id: int, verbose: bool = False) -> Response:
    return answer(User(id, f"User {id}", f"user{id}@example.com", verbose))


@post("/users")
async def create_user(request: Request) -> Response:
    try:
        user = decode_new_user(await request.read() or b"")
    except msgspec.DecodeError as error:
        raise BadRequest(str(error)) from error
    return answer(user, 201)


@get("/orders/{id}")
@marked
async def quote(request: Request, id: FromRoute[int], orders: Orders, audit: Audit) -> Response:
    if request.get_first_header(b"authorization") != b"Bearer secret":
        raise Unauthorized
    if not 1 <= id.value <= 1000:
        raise BadRequest("id must be between 1 and 1000")
    return answer(orders.quote(id.value, audit))


@get("/items")
async def list_items() -> Response:
    return answer(items)


def resource_routes(number: int) -> None:
    @get(f"/resource{number}")
    async def index() -> Response:
        return answer({"resource": number})

    @get(f"/resource{number}/{{id}}")
    async def read(id: int) -> Response:
        return answer(ResourceView(number, id))


for number in range(RESOURCES):
    resource_routes(number)
