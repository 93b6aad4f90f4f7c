"""The subgraph of Apollo's compatibility suite (apollo-federation-subgraph-compatibility, products)."""

from typing import Annotated

import msgspec

from nestpy_core import App, module, public
from nestpy_graphql import ID, GraphqlModule, field, query, reference, resolver, type_options
from nestpy_http import HttpModule

EXTERNAL = type_options(directives=("@external",))


class ProductVariation(msgspec.Struct):
    id: ID


class ProductDimension(msgspec.Struct):
    size: str | None
    weight: float | None
    unit: Annotated[str | None, type_options(directives=("@inaccessible",))]


class CaseStudy(msgspec.Struct):
    case_number: ID
    description: str | None = None


class ProductResearch(msgspec.Struct):
    study: CaseStudy
    outcome: str | None = None


class User(msgspec.Struct):
    email: ID
    name: Annotated[str | None, type_options(directives=('@override(from: "users")',))] = "Jane Smith"
    total_products_created: Annotated[int | None, EXTERNAL] = 1337
    years_of_employment: Annotated[int, EXTERNAL] = 10


class Product(msgspec.Struct):
    id: ID
    sku: str | None
    package: str | None
    variation: ProductVariation | None
    dimensions: ProductDimension | None
    created_by: Annotated[User | None, type_options(directives=('@provides(fields: "totalProductsCreated")',))]
    notes: Annotated[str | None, type_options(directives=('@tag(name: "internal")',))]
    research: list[ProductResearch]


class DeprecatedProduct(msgspec.Struct):
    sku: str
    package: str
    reason: str | None
    created_by: User | None


class Inventory(msgspec.Struct):
    id: ID
    deprecated_products: list[DeprecatedProduct]


USER = User("support@apollographql.com")
SIZE = ProductDimension("small", 1.0, "kg")
RESEARCH = [
    ProductResearch(CaseStudy("1234", "Federation Study")),
    ProductResearch(CaseStudy("1235", "Studio Study")),
]
PRODUCTS = [
    Product(
        "apollo-federation",
        "federation",
        "@apollo/federation",
        ProductVariation("OSS"),
        SIZE,
        USER,
        None,
        [RESEARCH[0]],
    ),
    Product("apollo-studio", "studio", "", ProductVariation("platform"), SIZE, USER, None, [RESEARCH[1]]),
]
DEPRECATED = DeprecatedProduct("apollo-federation-v1", "@apollo/federation-v1", "Migrate to Federation V2", USER)


@public
@resolver(Product, directives=("@custom",))
class Products:
    @query()
    async def product(self, id: ID) -> Product | None:
        return next((one for one in PRODUCTS if one.id == id), None)

    @query(deprecated="Use product query instead")
    async def deprecated_product(self, sku: str, package: str) -> DeprecatedProduct | None:
        return DEPRECATED if (sku, package) == (DEPRECATED.sku, DEPRECATED.package) else None

    @reference()
    async def by_id(self, id: ID) -> Product | None:
        return await self.product(id)

    @reference()
    async def by_package(self, sku: str, package: str) -> Product | None:
        return next((one for one in PRODUCTS if (one.sku, one.package) == (sku, package)), None)

    @reference()
    async def by_variation(self, sku: str, variation: ProductVariation) -> Product | None:
        return next((one for one in PRODUCTS if one.sku == sku and one.variation == variation), None)


@public
@resolver(DeprecatedProduct)
class DeprecatedProducts:
    @reference()
    async def by_package(self, sku: str, package: str) -> DeprecatedProduct | None:
        return DEPRECATED if (sku, package) == (DEPRECATED.sku, DEPRECATED.package) else None


class StudyKey(msgspec.Struct):
    case_number: ID


@public
@resolver(ProductResearch)
class Researches:
    @reference()
    async def by_study(self, study: StudyKey) -> ProductResearch | None:
        return next((one for one in RESEARCH if one.study.case_number == study.case_number), None)


@resolver(ProductDimension, directives=("@shareable",))
class Dimensions: ...


@public
@resolver(User)
class Users:
    @field(directives=('@requires(fields: "totalProductsCreated yearsOfEmployment")',))
    async def average_products_created_per_year(self, user: User) -> int | None:
        return round((user.total_products_created or 0) / user.years_of_employment)

    @reference()
    async def by_email(
        self, email: ID, total_products_created: int | None = None, years_of_employment: int = 10
    ) -> User | None:
        if email != USER.email:
            return None
        return User(email, total_products_created=total_products_created, years_of_employment=years_of_employment)


@public
@resolver(Inventory, directives=("@interfaceObject",))
class Inventories:
    @reference()
    async def by_id(self, id: ID) -> Inventory | None:
        return Inventory(id, [DEPRECATED]) if id == "apollo-oss" else None


CUSTOM = """
directive @custom on OBJECT
extend schema
  @link(url: "https://myspecs.dev/myCustomDirective/v1.0", import: ["@custom"])
  @composeDirective(name: "@custom")
"""


@module(
    imports=[HttpModule.for_root(), GraphqlModule.for_root(federation=True, directives=(CUSTOM,))],
    providers=[Products, DeprecatedProducts, Researches, Dimensions, Users, Inventories],
)
class ProductsModule: ...


app = App(ProductsModule)
