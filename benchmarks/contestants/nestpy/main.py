"""NestPy as its documentation writes it: one module, fields injected by type, layers by decorator."""

from __future__ import annotations

import os
from typing import Annotated, Any

import msgspec

from nestpy_core import (
    App,
    Denial,
    ExecutionContext,
    Inject,
    Parameter,
    Scope,
    catch,
    injectable,
    module,
    use_filters,
    use_guards,
    use_interceptors,
    use_pipes,
)
from nestpy_http import BadRequestError, HttpContext, HttpModule, Query, Response, controller, get, post

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


@injectable
class HelloService:
    def greeting(self) -> str:
        return "Hello World"


@injectable
class Taxes:
    def rate(self) -> int:
        return 2


@injectable
class Prices:
    taxes: Taxes

    def total(self, order: int) -> int:
        return order * 100 + self.taxes.rate()


@injectable(scope=Scope.REQUEST)
class Audit:
    def __init__(self) -> None:
        self.trail: list[str] = []

    def record(self, event: str) -> None:
        self.trail.append(event)


@injectable
class Orders:
    prices: Prices

    def quote(self, order: int, audit: Audit) -> Quote:
        if order == 404:
            raise UnknownOrderError(order)
        audit.record("quoted")
        return Quote(order, self.prices.total(order), audit.trail)


@injectable
class AuthorizedGuard:
    def can_activate(self, context: HttpContext) -> bool | Denial:
        return context.headers.get("authorization") == "Bearer secret" or Denial.unauthorized()


@injectable
class OrderNumberPipe:
    def transform(self, value: str, parameter: Parameter) -> str:
        if not (value.isdigit() and 1 <= int(value) <= 1000):
            raise BadRequestError("The order must be between 1 and 1000")
        return value


@injectable
class MarkInterceptor:
    def after(self, context: HttpContext, result: Any) -> Any:
        context.response.set("x-pipeline", "on")
        return result


@catch(UnknownOrderError)
class UnknownOrderFilter:
    def catch(self, error: UnknownOrderError, context: ExecutionContext) -> Response:
        return Response({"error": f"Order {error.order} is unknown"}, 404)


@controller("/")
class BasicController:
    hello: HelloService

    @get("/plaintext")
    async def plaintext(self) -> str:
        return self.hello.greeting()

    @get("/json")
    async def message(self) -> Message:
        return Message("Hello World")

    @get("/users/{id}")
    async def read_user(self, id: int, verbose: Query[bool] = False) -> User:
        return User(id, f"User {id}", f"user{id}@example.com", verbose)

    @post("/users")
    async def create_user(self, user: NewUser) -> NewUser:
        return user


@controller("/items")
class ItemController:
    def __init__(self) -> None:
        self.items = [Item(n, f"Item {n}", n + 0.5, n % 2 == 0) for n in range(100)]

    @get()
    async def list_items(self) -> list[Item]:
        return self.items


@controller("/orders")
@use_guards(AuthorizedGuard)
@use_interceptors(MarkInterceptor)
@use_filters(UnknownOrderFilter)
class OrderController:
    orders: Orders

    @get("/{id}")
    @use_pipes(OrderNumberPipe)
    async def quote(self, id: int, audit: Inject[Audit]) -> Quote:
        return self.orders.quote(id, audit)


def resource_controller(number: int) -> type:
    @controller(f"/resource{number}")
    class ResourceController:
        @get()
        async def index(self) -> ResourceName:
            return ResourceName(number)

        @get("/{id}")
        async def read(self, id: int) -> ResourceView:
            return ResourceView(number, id)

    ResourceController.__name__ = ResourceController.__qualname__ = f"Resource{number}Controller"
    return ResourceController


@module(
    imports=[HttpModule.for_root(host="127.0.0.1", port=int(os.environ["PORT"]))],
    providers=[
        HelloService,
        Taxes,
        Prices,
        Audit,
        Orders,
        BasicController,
        ItemController,
        OrderController,
        *map(resource_controller, range(RESOURCES)),
    ],
)
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
