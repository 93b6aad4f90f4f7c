"""An app as a subgraph: what Apollo's gateway composes, and what its compatibility suite asks."""

import json
import subprocess

import pytest

from nestpy_core import App, BootError, module, public
from nestpy_graphql import GraphqlModule, query, reference, resolver
from nestpy_http import HttpModule
from nestpy_testing import TestApp

from .federation.main import Product, ProductsModule

PACKAGES = ("apollo-composition-2.14.4", "@apollo/composition@2.14.4", "graphql@16.15.0")
"""Their folder, and what is in it."""
COMPOSE = """
const { composeServices } = require("@apollo/composition");
const { parse } = require("graphql");
const subgraphs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const services = subgraphs.map(({ name, sdl }) => ({ name, url: `http://${name}`, typeDefs: parse(sdl) }));
const found = composeServices(services);
console.log(JSON.stringify({ errors: (found.errors || []).map((one) => one.message), sdl: found.supergraphSdl || "" }));
"""
USERS = """
extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key", "@shareable"])
type Query { me: User }
type User @key(fields: "email") { email: ID! name: String totalProductsCreated: Int @shareable yearsOfEmployment: Int! }
"""
INVENTORY = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key"])
interface Inventory @key(fields: "id") { id: ID! }
type Warehouse implements Inventory @key(fields: "id") { id: ID! }
type Query { warehouses: [Warehouse!]! }
"""


@pytest.fixture
async def subgraph():
    async with TestApp(ProductsModule) as app:
        yield app.graphql


async def entities(subgraph, fields, *representations):
    document = f"query($r: [_Any!]!) {{ _entities(representations: $r) {{ {fields} }} }}"
    return await subgraph(document, {"r": list(representations)})


async def test_an_object_is_looked_up_by_each_of_its_keys(subgraph):
    found = await entities(
        subgraph,
        "... on Product { id sku package variation { id } dimensions { size weight } notes }",
        {"__typename": "Product", "id": "apollo-federation"},
        {"__typename": "Product", "sku": "federation", "package": "@apollo/federation"},
        {"__typename": "Product", "sku": "federation", "variation": {"id": "OSS"}},
    )
    assert found.errors == []
    wanted = {
        "id": "apollo-federation",
        "sku": "federation",
        "package": "@apollo/federation",
        "variation": {"id": "OSS"},
        "dimensions": {"size": "small", "weight": 1.0},
        "notes": None,
    }
    assert found.data["_entities"] == [wanted] * 3


async def test_keys_within_keys_and_interface_objects_are_looked_up(subgraph):
    found = await entities(
        subgraph,
        "... on ProductResearch { study { caseNumber description } } "
        "... on Inventory { deprecatedProducts { reason } }",
        {"__typename": "ProductResearch", "study": {"caseNumber": "1234"}},
        {"__typename": "Inventory", "id": "apollo-oss"},
    )
    assert found.data["_entities"] == [
        {"study": {"caseNumber": "1234", "description": "Federation Study"}},
        {"deprecatedProducts": [{"reason": "Migrate to Federation V2"}]},
    ]


async def test_a_field_gets_what_it_requires_of_another_subgraph(subgraph):
    asked = {"__typename": "User", "email": "support@apollographql.com"}
    required = {"totalProductsCreated": 1337, "yearsOfEmployment": 10}
    found = await entities(subgraph, "... on User { averageProductsCreatedPerYear name }", {**asked, **required})
    assert found.data["_entities"] == [{"averageProductsCreatedPerYear": 134, "name": "Jane Smith"}]


async def test_a_field_provides_what_another_subgraph_owns(subgraph):
    found = await subgraph('{ product(id: "apollo-federation") { createdBy { email totalProductsCreated } } }')
    assert found.data == {
        "product": {"createdBy": {"email": "support@apollographql.com", "totalProductsCreated": 1337}}
    }


async def test_what_cannot_be_looked_up_is_null_with_an_error_in_its_place(subgraph):
    found = await entities(
        subgraph,
        "... on Product { id }",
        {"__typename": "Nope", "id": "1"},
        {"__typename": "Product"},
        {"__typename": "Product", "id": "absent"},
        {"__typename": "Product", "id": "apollo-studio"},
        "no object",
    )
    assert found.data["_entities"] == [None, None, None, {"id": "apollo-studio"}, None]
    assert [error["path"] for error in found.errors] == [["_entities", 0], ["_entities", 1], ["_entities", 4]]
    assert found.errors[1]["message"] == (
        'A representation of `Product` needs "id" or "sku package" or "sku variation { id }"'
    )
    assert found.codes == ["BAD_USER_INPUT"] * 3


async def test_more_representations_than_allowed_are_refused(subgraph):
    found = await entities(subgraph, "... on Product { id }", *[{"__typename": "Product", "id": "x"}] * 101)
    assert found.codes == ["LIMIT_EXCEEDED"]


async def test_the_subgraphs_schema_bears_its_keys_and_directives(subgraph):
    sdl = (await subgraph("{ _service { sdl } }")).data["_service"]["sdl"]
    assert "_entities" not in sdl
    assert "_service" not in sdl
    for line in (
        'type Product @key(fields: "id") @key(fields: "sku package") @key(fields: "sku variation { id }") @custom {',
        '  createdBy: User @provides(fields: "totalProductsCreated")',
        '  notes: String @tag(name: "internal")',
        "type ProductDimension @shareable {",
        "  unit: String @inaccessible",
        'type ProductResearch @key(fields: "study { caseNumber }") {',
        'type Inventory @key(fields: "id") @interfaceObject {',
        '  name: String @override(from: "users")',
        "  yearsOfEmployment: Int! @external",
        '  averageProductsCreatedPerYear: Int @requires(fields: "totalProductsCreated yearsOfEmployment")',
        "  deprecatedProduct(package: String!, sku: String!): DeprecatedProduct @deprecated(reason: ",
        'extend schema @link(url: "https://myspecs.dev/myCustomDirective/v1.0", import: ["@custom"])',
    ):
        assert line in sdl


@pytest.mark.e2e
@pytest.mark.needs("node", "npm")
@pytest.mark.timeout(300)
async def test_apollos_composition_takes_the_subgraph(subgraph, node_packages):
    script = node_packages(*PACKAGES) / "compose.cjs"
    script.write_text(COMPOSE)
    sdl = (await subgraph("{ _service { sdl } }")).data["_service"]["sdl"]
    others = [{"name": "users", "sdl": USERS}, {"name": "inventory", "sdl": INVENTORY}]
    given = json.dumps([{"name": "products", "sdl": sdl}, *others])
    done = subprocess.run(["node", script], input=given, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    composed = json.loads(done.stdout)
    assert composed["errors"] == []
    assert "averageProductsCreatedPerYear" in composed["sdl"]


def test_a_reference_without_the_flag_fails_the_boot():
    @public
    @resolver(Product)
    class Products:
        @query()
        async def product(self) -> Product | None:
            return None

        @reference()
        async def by_id(self, id: str) -> Product | None:
            return None

    @module(imports=[HttpModule], providers=[Products])
    class Root: ...

    with pytest.raises(BootError) as failed:
        App(Root)
    assert str(failed.value.exceptions[0]) == (
        "`Products.by_id` is decorated with `@reference`, and the app is no subgraph.\n"
        "Hint: import `GraphqlModule.for_root(federation=True)`"
    )


def test_two_references_of_one_key_fail_the_boot():
    @public
    @resolver(Product)
    class Products:
        @query()
        async def product(self) -> Product | None:
            return None

        @reference()
        async def by_id(self, id: str) -> Product | None:
            return None

        @reference()
        async def by_id_again(self, id: str) -> Product | None:
            return None

    @module(imports=[HttpModule, GraphqlModule.for_root(federation=True)], providers=[Products])
    class Root: ...

    with pytest.raises(BootError) as failed:
        App(Root)
    assert str(failed.value.exceptions[0]) == (
        "`Products.by_id_again` looks up `Product` and has the key `id`, as another one.\n"
        "Hint: take what identifies it as required parameters, differently in each"
    )
