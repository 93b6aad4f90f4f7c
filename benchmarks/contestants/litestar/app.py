"""Litestar with msgspec Structs, controllers, its own dependency injection, guards and hooks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, Litestar, MediaType, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import Parameter

RESOURCES = 150


class Message(msgspec.Struct):
    message: str


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


class ResourceName(msgspec.Struct):
    resource: int


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


async def provide_hello() -> HelloService:
    return HelloService()


async def provide_taxes() -> Taxes:
    return Taxes()


async def provide_prices(taxes: Taxes) -> Prices:
    return Prices(taxes)


async def provide_orders(prices: Prices) -> Orders:
    return Orders(prices)


async def provide_audit() -> Audit:
    return Audit()


def authorized(connection: ASGIConnection, _: BaseRouteHandler) -> None:
    if connection.headers.get("authorization") != "Bearer secret":
        raise NotAuthorizedException


async def marked(response: Response) -> Response:
    response.set_header("x-pipeline", "on")
    return response


def unknown_order(request: Request, error: UnknownOrderError) -> Response:
    return Response({"error": f"Order {error.order} is unknown"}, status_code=404)


@get("/plaintext", media_type=MediaType.TEXT, dependencies={"hello": Provide(provide_hello, use_cache=True)})
async def plaintext(hello: HelloService) -> str:
    return hello.greeting()


@get("/json")
async def message() -> Message:
    return Message("Hello World")


@get("/users/{id:int}")
async def read_user(id: int, verbose: bool = False) -> User:
    return User(id, f"User {id}", f"user{id}@example.com", verbose)


@post("/users")
async def create_user(data: NewUser) -> NewUser:
    return data


class OrderController(Controller):
    path = "/orders"
    guards = [authorized]
    after_request = marked
    exception_handlers = {UnknownOrderError: unknown_order}
    dependencies = {
        "taxes": Provide(provide_taxes, use_cache=True),
        "prices": Provide(provide_prices, use_cache=True),
        "orders": Provide(provide_orders, use_cache=True),
        "audit": Provide(provide_audit),
    }

    @get("/{id:int}")
    async def quote(self, id: Annotated[int, Parameter(ge=1, le=1000)], orders: Orders, audit: Audit) -> Quote:
        return orders.quote(id, audit)


@get("/items")
async def list_items() -> list[Item]:
    return items


def resource_controller(number: int) -> type[Controller]:
    class ResourceController(Controller):
        path = f"/resource{number}"

        @get()
        async def index(self) -> ResourceName:
            return ResourceName(number)

        @get("/{id:int}")
        async def read(self, id: int) -> ResourceView:
            return ResourceView(number, id)

    return ResourceController


app = Litestar(
    route_handlers=[
        plaintext,
        message,
        read_user,
        create_user,
        OrderController,
        list_items,
        *map(resource_controller, range(RESOURCES)),
    ],
    logging_config=None,
    openapi_config=None,
)
