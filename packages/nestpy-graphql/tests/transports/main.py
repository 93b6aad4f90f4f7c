"""A small GraphQL app straight on graphql-core, for the transports alone: WebSocket, server-sent events, explorer."""

import asyncio

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    execute,
    parse,
    subscribe,
    validate,
)
from graphql.error import GraphQLError

from nestpy_core import App, Clock, hookimpl, injectable, module
from nestpy_graphql._explorer import asset_endpoints, explorer_page
from nestpy_graphql._runtime import begun_when_read
from nestpy_graphql._sse import SseLimits, streamed, wants_events
from nestpy_graphql._streams import Connection, OperationRefusedError, OperationRequest
from nestpy_graphql._transport_ws import SocketLimits, serve_socket
from nestpy_http import (
    HttpModule,
    Request,
    Response,
    StreamResponse,
    WebSocket,
    controller,
    get,
    http_code,
    post,
    websocket,
)


@injectable
class Seen:
    def __init__(self):
        self.open = 0
        self.closed = 0
        self.moved = asyncio.Event()

    def count(self, by):
        self.open += by
        self.closed += by < 0
        self.moved.set()
        self.moved = asyncio.Event()


async def counted(seen, to):
    seen.count(1)
    try:
        for number in range(to):
            yield {"count": number}
    finally:
        seen.count(-1)


async def endless(seen, first=()):
    seen.count(1)
    try:
        for one in first:
            yield one
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        seen.count(-1)


async def moods(seen, *, ends):
    words = [{"picky": "good"}, {"picky": "bad"}, {"picky": "again"}]
    async for one in endless(seen, words):
        yield one
        if ends and one is words[-1]:
            return


async def flood(seen, size):
    seen.count(1)
    try:
        while True:
            yield {"flood": "x" * size}
    finally:
        seen.count(-1)


async def failing():
    yield {"broken": "fine"}
    raise ValueError("secret canary")


def picky(root, info, **_):
    if root["picky"] == "bad":
        raise GraphQLError("this one not")
    return root["picky"]


INT = GraphQLNonNull(GraphQLInt)


def schema_of(seen):
    query = GraphQLObjectType(
        "Query",
        {
            "hello": GraphQLField(
                GraphQLString,
                args={"name": GraphQLArgument(GraphQLString)},
                resolve=lambda root, info, name="world": f"Hello {name}",
                description="Greets somebody.",
            ),
            "open": GraphQLField(INT, resolve=lambda root, info: seen.open, description="Sources that are open."),
            "boom": GraphQLField(GraphQLString, resolve=lambda root, info: 1 / 0),
        },
    )
    number = {"to": GraphQLArgument(INT)}
    size = {"size": GraphQLArgument(INT)}
    subscription = GraphQLObjectType(
        "Subscription",
        {
            "count": GraphQLField(INT, args=number, subscribe=lambda root, info, to: counted(seen, to), resolve=_same),
            "endless": GraphQLField(
                GraphQLString, subscribe=lambda root, info: endless(seen, [{"endless": "first"}]), resolve=_same
            ),
            "flood": GraphQLField(
                GraphQLString, args=size, subscribe=lambda root, info, size: flood(seen, size), resolve=_same
            ),
            "broken": GraphQLField(GraphQLString, subscribe=lambda root, info: failing(), resolve=_same),
            "picky": GraphQLField(
                GraphQLString,
                args={"ends": GraphQLArgument(GraphQLBoolean)},
                subscribe=lambda root, info, ends=False: moods(seen, ends=ends),
                resolve=picky,
            ),
        },
    )
    return GraphQLSchema(query, subscription=subscription)


def _same(root, info, **_):
    return root[info.field_name]


@injectable
class Plain:
    """Executes without any limit or guard: those belong to the real executor."""

    seen: Seen

    async def start(self, request: OperationRequest, connection: Connection):
        schema = schema_of(self.seen)
        try:
            document = parse(request.query)
        except GraphQLError as error:
            raise OperationRefusedError([error.formatted]) from error
        errors = validate(schema, document)
        if errors:
            raise OperationRefusedError([error.formatted for error in errors])
        given = {"variable_values": request.variables, "operation_name": request.operation_name}
        if document.definitions[0].operation.value == "subscription":
            found = subscribe(schema, document, **given)
            return self._many(await found if asyncio.iscoroutine(found) else found)
        return self._one(execute(schema, document, **given))

    async def _one(self, result):
        yield result.formatted

    async def _many(self, results):
        try:
            async for result in results:
                yield result.formatted
        finally:
            await results.aclose()


@injectable
class Limits:
    def __init__(self):
        self.socket = SocketLimits()
        self.sse = SseLimits()


@controller("/graphql")
class Edge:
    executor: Plain
    limits: Limits
    clock: Clock

    @get("/")
    async def page(self, request: Request) -> Response:
        page, policy = explorer_page(request.path)
        return Response(page, headers={"content-security-policy": policy}, media_type="text/html; charset=utf-8")

    @post("/")
    @http_code(200)
    async def post(self, request: Request) -> Response | StreamResponse:
        given = await request.json(OperationRequest)
        connection = Connection(request)
        if wants_events(request.headers.get("accept")):
            operation = begun_when_read(lambda: self.executor.start(given, connection))
            return streamed(operation, self.clock, self.limits.sse)
        try:
            operation = await self.executor.start(given, connection)
        except OperationRefusedError as error:
            return Response({"errors": error.errors}, 400)
        return Response(await anext(operation))

    @websocket("/")
    async def talk(self, socket: WebSocket):
        await serve_socket(socket, self.executor, self.clock, self.limits.socket)


@module(imports=[HttpModule.for_root()], providers=[Edge, Plain, Seen, Limits])
class AppModule: ...


class Explorer:
    """Serves the explorer's files as a plugin would."""

    @hookimpl
    def nestpy_collect(self, graph):
        return list(asset_endpoints("/graphql"))


app = App(AppModule, plugins=[Explorer()])

if __name__ == "__main__":
    app.run()
