"""One transaction per unit of work: opened by the first write, kept or undone with the answer."""

import asyncio
import uuid

import pytest
import shop

from nestpy_http import ConflictError, HttpContext, Response, controller, get, patch, post
from nestpy_orm import Creation, Database, Repository, transactional

pytestmark = pytest.mark.anyio

STARTED: list[asyncio.Event] = []


@controller("/orgs")
class OrgController:
    orgs: Repository[shop.Org]
    database: Database

    @get("/")
    async def list(self) -> list[shop.Org]:
        return await self.orgs.find(order=["name"])

    @get("/{id}")
    async def one(self, id: uuid.UUID) -> shop.Org:
        return await self.orgs.get(id)

    @post("/")
    async def create(self, body: Creation[shop.Org]) -> shop.Org:
        return await self.orgs.create(body)

    @post("/raising")
    async def raising(self, body: Creation[shop.Org]) -> shop.Org:
        await self.orgs.create(body)
        raise ConflictError("No")

    @post("/failing")
    async def failing(self, body: Creation[shop.Org]) -> shop.Org:
        await self.orgs.create(body)
        raise RuntimeError("secret")

    @post("/answering/{status}")
    async def answering(self, body: Creation[shop.Org], status: int) -> Response:
        await self.orgs.create(body)
        return Response("done", status=status)

    @post("/drafting")
    async def drafting(self, body: Creation[shop.Org], context: HttpContext) -> str:
        await self.orgs.create(body)
        context.response.status = 422
        return "no"

    @get("/writing/{name}")
    async def writing(self, name: str) -> shop.Org:
        return await self.orgs.create(name=name)

    @get("/allowed/{name}")
    @transactional()
    async def allowed(self, name: str) -> shop.Org:
        return await self.orgs.create(name=name)

    @get("/transaction")
    async def lazily(self) -> bool:
        await self.orgs.find()
        unit = self.database.unit
        return unit is not None and unit.connection is not None

    @post("/gathered")
    async def gathered(self) -> int:
        await self.orgs.create(name="first")
        await asyncio.gather(*(self.orgs.create(name=f"org {number}") for number in range(10)))
        return await self.orgs.count()

    @post("/cut")
    async def cut(self) -> None:
        await self.orgs.create(name="cut")
        STARTED[-1].set()
        await asyncio.sleep(30)

    @patch("/nested")
    async def nested(self) -> int:
        await self.orgs.create(name="outer")
        try:
            async with self.database.transaction():
                await self.orgs.create(name="inner")
                raise KeyError
        except KeyError:
            pass
        async with self.database.transaction():
            await self.orgs.create(name="kept")
        return await self.orgs.count()


@pytest.fixture
async def app(database_url, shop_app):
    async with shop_app(database_url, OrgController) as started:
        yield started


async def names(app):
    return [org["name"] for org in (await app.http.get("/orgs")).json()]


async def test_a_row_is_created_over_http_and_read_back(app):
    made = await app.http.post("/orgs", json={"name": "Acme"})
    assert made.status == 201
    assert (await app.http.get(f"/orgs/{made.json()['id']}")).json() == made.json()
    assert (await app.http.get(f"/orgs/{uuid.uuid4()}")).status == 404
    assert (await app.http.get("/orgs/x")).status == 400


async def test_an_input_is_validated_by_its_columns(app):
    long = await app.http.post("/orgs", json={"name": "x" * 101})
    assert (long.status, long.json()["errors"]["name"][0]["code"]) == (400, "length")
    assert (await app.http.post("/orgs", json={})).json()["errors"]["name"][0]["code"] == "required"
    unknown = await app.http.post("/orgs", json={"name": "x", "id": str(uuid.uuid4())})
    assert unknown.json()["errors"]["id"][0]["code"] == "unknown_field"


async def test_a_duplicate_is_a_conflict_that_names_the_field(app):
    await app.http.post("/orgs", json={"name": "Acme"})
    again = await app.http.post("/orgs", json={"name": "Acme"})
    assert (again.status, again.json()["errors"]) == (409, {"name": [{"code": "unique", "message": "Is taken"}]})
    assert "Acme" not in again.text


@pytest.mark.parametrize("path", ["raising", "failing", "answering/404", "answering/503", "drafting"])
async def test_whatever_does_not_succeed_leaves_nothing_behind(app, path):
    answer = await app.http.post(f"/orgs/{path}", json={"name": "Acme"})
    assert answer.status >= 400
    assert "secret" not in answer.text
    assert await names(app) == []


async def test_a_redirect_or_a_success_that_the_handler_builds_is_kept(app):
    assert (await app.http.post("/orgs/answering/202", json={"name": "Acme"})).status == 202
    assert await names(app) == ["Acme"]


async def test_a_handler_that_only_reads_opens_no_transaction_and_may_not_write(app, caplog):
    assert (await app.http.get("/orgs/transaction")).json() is False
    assert (await app.http.get("/orgs/writing/Acme")).status == 500
    assert "`OrgController.writing` only reads by its kind" in caplog.text
    assert await names(app) == []


async def test_a_handler_that_only_reads_may_write_when_it_says_transactional(app):
    assert (await app.http.get("/orgs/allowed/Acme")).status == 200
    assert await names(app) == ["Acme"]


async def test_concurrent_statements_of_a_transaction_wait_for_each_other(app):
    assert (await app.http.post("/orgs/gathered")).json() == 11
    assert len(await names(app)) == 11


async def test_a_transaction_inside_another_is_a_savepoint(app):
    assert (await app.http.patch("/orgs/nested")).json() == 2
    assert await names(app) == ["kept", "outer"]


async def test_a_handler_that_is_cut_off_leaves_nothing_and_its_connection_serves_on(app):
    STARTED.append(asyncio.Event())
    task = asyncio.create_task(app.http.post("/orgs/cut"))
    await STARTED[-1].wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await names(app) == []
    assert (await app.http.post("/orgs", json={"name": "after"})).status == 201


async def test_a_storm_of_cut_off_requests_leaks_no_connection_and_no_half_written_row(shared_url, shop_app):
    async with shop_app(shared_url, OrgController, settings={"NESTPY_ORM__POOL_SIZE": "3"}) as app:

        async def cut(number):
            path = ("/orgs", "/orgs/nested", "/orgs")[number % 3]
            call = (app.http.post, app.http.patch, app.http.get)[number % 3]
            body = {"json": {"name": f"org {number}"}} if number % 3 == 0 else {}
            task = asyncio.create_task(call(path, **body))
            await asyncio.sleep(0.0003 * (number % 13))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for _ in range(4):
            await asyncio.gather(*(cut(number) for number in range(45)))
        assert (await app.http.post("/orgs", json={"name": "after"})).status == 201
        found = await names(app)
        assert "after" in found
        assert "inner" not in found
        assert ("outer" in found) == ("kept" in found)
        database = await app.get(Database)
        held = [await database.driver.acquire(write=False) for _ in range(3)]
        for connection in held:
            database.driver.release(connection)
        if database.dialect == "postgres":
            assert database.driver.size <= 3
