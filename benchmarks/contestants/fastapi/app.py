"""FastAPI with Pydantic models, dependencies as its documentation writes them, all of them async."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Path, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

RESOURCES = 150


class Message(BaseModel):
    message: str


class User(BaseModel):
    id: int
    name: str
    email: str
    verbose: bool


class NewUser(BaseModel):
    name: str = Field(min_length=1, max_length=80)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
    age: int = Field(ge=0, le=150)
    tags: list[str]


class Item(BaseModel):
    id: int
    name: str
    price: float
    available: bool


class Quote(BaseModel):
    order: int
    total: int
    trail: list[str]


class ResourceName(BaseModel):
    resource: int


class ResourceView(BaseModel):
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
        return Quote(order=order, total=self.prices.total(order), trail=audit.trail)


hello = HelloService()
taxes = Taxes()
items = [Item(id=n, name=f"Item {n}", price=n + 0.5, available=n % 2 == 0) for n in range(100)]


async def get_hello() -> HelloService:
    return hello


async def get_taxes() -> Taxes:
    return taxes


async def get_prices(taxes: Annotated[Taxes, Depends(get_taxes)]) -> Prices:
    return Prices(taxes)


async def get_orders(prices: Annotated[Prices, Depends(get_prices)]) -> Orders:
    return Orders(prices)


async def get_audit() -> Audit:
    return Audit()


async def authorized(authorization: Annotated[str | None, Header()] = None) -> None:
    if authorization != "Bearer secret":
        raise HTTPException(401)


async def marked(response: Response) -> None:
    response.headers["x-pipeline"] = "on"


app = FastAPI()


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext(service: Annotated[HelloService, Depends(get_hello)]) -> str:
    return service.greeting()


@app.get("/json")
async def message() -> Message:
    return Message(message="Hello World")


@app.get("/users/{id}")
async def read_user(id: int, verbose: bool = False) -> User:
    return User(id=id, name=f"User {id}", email=f"user{id}@example.com", verbose=verbose)


@app.post("/users", status_code=201)
async def create_user(user: NewUser) -> NewUser:
    return user


@app.get("/orders/{id}", dependencies=[Depends(authorized), Depends(marked)])
async def quote(
    id: Annotated[int, Path(ge=1, le=1000)],
    orders: Annotated[Orders, Depends(get_orders)],
    audit: Annotated[Audit, Depends(get_audit)],
) -> Quote:
    return orders.quote(id, audit)


@app.get("/items")
async def list_items() -> list[Item]:
    return items


@app.exception_handler(UnknownOrderError)
async def unknown_order(request: Request, error: UnknownOrderError) -> Response:
    return JSONResponse({"error": f"Order {error.order} is unknown"}, 404)


def resource_routes(number: int) -> APIRouter:
    router = APIRouter(prefix=f"/resource{number}")

    @router.get("")
    async def index() -> ResourceName:
        return ResourceName(resource=number)

    @router.get("/{id}")
    async def read(id: int) -> ResourceView:
        return ResourceView(resource=number, id=id)

    return router


for number in range(RESOURCES):
    app.include_router(resource_routes(number))
