"""Parametrised generics are tokens of their own, and inherited generic members know what they stand for."""

from typing import Generic, TypeVar

from line_edge import app_of, calling, edge_of, on_line, problem, started, station

from nestpy_core import Inject, Scope, injectable, module, provide, provide_generic

T = TypeVar("T")
K = TypeVar("K")


class User: ...


class Cat: ...


class Repository(Generic[T]):
    def __init__(self, entity: type[T]) -> None:
        self.entity = entity


async def test_each_parametrisation_that_is_asked_for_is_one_provider():
    @injectable
    class Service:
        users: Repository[User]
        cats: Repository[Cat]
        again: Repository[User]

    async with started(Service, provide_generic(Repository)) as context:
        service = await context.get(Service)
        assert (service.users.entity, service.cats.entity) == (User, Cat)
        assert service.users is service.again


async def test_an_open_generic_is_owned_by_its_module_and_injects_what_that_sees():
    @injectable
    class _Pool: ...

    def make(entity: type[T], /, pool: _Pool) -> Repository[T]:
        repository = Repository(entity)
        repository.pool = pool
        return repository

    @module(providers=[_Pool, provide_generic(Repository, make)])
    class Database: ...

    @injectable
    class Service:
        users: Repository[User]

    async with started(Service, imports=[Database]) as context:
        service = await context.get(Service)
        assert service.users.entity is User
        assert isinstance(service.users.pool, _Pool)

    @module(providers=[Service])
    class Outside: ...

    assert "`Outside` does not import `Database`" in problem(imports=[Database, Outside])


async def test_an_explicit_parametrisation_wins_and_a_subclass_does_not_satisfy_it():
    @injectable
    class Users(Repository[User]):
        def __init__(self) -> None:
            super().__init__(User)

    @injectable
    class Service:
        users: Repository[User]

    own = Repository(User)
    async with started(Service, provide_generic(Repository), provide(Repository[User], use_value=own)) as context:
        assert (await context.get(Service)).users is own
    assert "needs `Repository[User]` (`users`), and no module provides it." in problem(Service, Users)


async def test_a_base_with_type_variables_is_specialised_by_its_subclass():
    @injectable
    class Base(Generic[T]):
        repository: Repository[T]
        entity: type[T]

    @injectable
    class Users(Base[User]): ...

    @injectable
    class Middle(Base[K], Generic[K]):
        more: Repository[K] | None = None

    @injectable
    class Cats(Middle[Cat]): ...

    async with started(Users, Cats, provide_generic(Repository)) as context:
        users, cats = await context.get(Users), await context.get(Cats)
        assert (users.repository.entity, users.entity) == (User, User)
        assert (cats.repository.entity, cats.entity) == (Cat, Cat)


async def test_inherited_handlers_are_specialised_too():
    @injectable
    class Crud(Generic[T]):
        repository: Repository[T]

        @on_line("make")
        def make(self, value: T, repository: Inject[Repository[T]]) -> list[T]:
            assert repository is self.repository
            return [value]

    @station
    class Numbers(Crud[int]): ...

    app = app_of(Numbers, provide_generic(Repository))
    assert app.graph.handlers[0].returns == list[int]
    async with app.create_context():
        assert await edge_of(app).send("make 3") == [3]


def test_a_type_variable_that_nothing_fixes_is_a_problem():
    @injectable
    class Base(Generic[T]):
        repository: Repository[T]

    text = problem(Base, provide_generic(Repository))
    assert text.startswith(
        "`repository` of `Base` is annotated `Repository[T]`, whose type variable nothing fixes; "
        "it cannot be injected ("
    )
    assert text.endswith("Hint: subclass it with a class in its place, or bind `Base[…]` with `provide_generic`")


async def test_an_open_generic_of_a_generic_service_passes_its_argument_on():
    @injectable
    class Service(Generic[T]):
        repository: Repository[T]

    @station
    class Host:
        service: Service[User]

        @on_line("entity")
        def entity(self) -> str:
            return self.service.repository.entity.__name__

    async with calling(Host, provide_generic(Service), provide_generic(Repository)) as send:
        assert await send("entity") == "User"


def test_an_open_generic_in_two_modules_is_a_duplicate():
    @module(providers=[provide_generic(Repository)])
    class One: ...

    @module(providers=[provide_generic(Repository)])
    class Two: ...

    assert problem(imports=[One, Two]) == (
        "`provide_generic(Repository)` stands in `One` and in `Two`.\n"
        "Hint: keep it in one module and import that module in the other"
    )


async def test_request_scoped_parametrisations_are_built_inline():
    @station
    class Host:
        @on_line("same")
        def same(self, first: Inject[Repository[User]], second: Inject[Repository[User]]) -> bool:
            return first is second and first.entity is User

    async with calling(Host, provide_generic(Repository, scope=Scope.REQUEST)) as send:
        assert await send("same") is True


@injectable
class Growing(Generic[T]):
    below: "Growing[list[T]]"


def test_a_generic_that_asks_for_ever_deeper_ones_of_itself_is_a_problem():
    @injectable
    class Reader:
        growing: Growing[int]

    text = problem(provide_generic(Growing), Reader)
    assert "needs `Growing[list[list[" in text
    assert text.endswith("Hint: let `below` ask for a parametrisation that does not grow without end")
