"""Starlette, with msgspec by hand for what Starlette leaves to the developer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

RESOURCES = 150

encode = msgspec.json.Encoder().encode
Handler = Callable[[Request], Awaitable[Response]]


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


class MsgspecResponse(Response):
    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return encode(content)


hello = HelloService()
orders = Orders(Prices(Taxes()))
items = [Item(n, f"Item {n}", n + 0.5, n % 2 == 0) for n in range(100)]
decode_new_user = msgspec.json.Decoder(NewUser).decode
BOOLEANS = {"true": True, "false": False}


def authorized(handler: Handler) -> Handler:
    @wraps(handler)
    async def guarded(request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer secret":
            raise HTTPException(401)
        return await handler(request)

    return guarded


def marked(handler: Handler) -> Handler:
    @wraps(handler)
    async def intercepted(request: Request) -> Response:
        response = await handler(request)
        response.headers["x-pipeline"] = "on"
        return response

    return intercepted


async def plaintext(request: Request) -> Response:
    return PlainTextResponse(hello.greeting())


async def message(request: Request) -> Response:
    return MsgspecResponse({"message": "Hello World"})


async def read_user(request: Request) -> Response:
    try:
        number = int(request.path_params["id"])
        verbose = BOOLEANS[request.query_params.get("verbose", "false")]
    except (ValueError, KeyError) as error:
        raise HTTPException(400) from error
    return MsgspecResponse(User(number, f"User {number}", f"user{number}@example.com", verbose))


async def create_user(request: Request) -> Response:
    try:
        user = decode_new_user(await request.body())
    except msgspec.DecodeError as error:
        raise HTTPException(400, str(error)) from error
    return MsgspecResponse(user, 201)


@authorized
@marked
async def quote(request: Request) -> Response:
    try:
        order = int(request.path_params["id"])
    except ValueError as error:
        raise HTTPException(400) from error
    if not 1 <= order <= 1000:
        raise HTTPException(400)
    return MsgspecResponse(orders.quote(order, Audit()))


async def list_items(request: Request) -> Response:
    return MsgspecResponse(items)


def resource_routes(number: int) -> list[Route]:
    async def index(request: Request) -> Response:
        return MsgspecResponse({"resource": number})

    async def read(request: Request) -> Response:
        try:
            return MsgspecResponse(ResourceView(number, int(request.path_params["id"])))
        except ValueError as error:
            raise HTTPException(400) from error

    return [Route(f"/resource{number}", index), Route(f"/resource{number}/{{id}}", read)]


async def unknown_order(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnknownOrderError)
    return MsgspecResponse({"error": f"Order {error.order} is unknown"}, 404)


app = Starlette(
    routes=[
        Route("/plaintext", plaintext),
        Route("/json", message),
        Route("/users/{id}", read_user),
        Route("/users", create_user, methods=["POST"]),
        Route("/orders/{id}", quote),
        Route("/items", list_items),
        *(route for number in range(RESOURCES) for route in resource_routes(number)),
    ],
    exception_handlers={UnknownOrderError: unknown_order},
)
