from collections import defaultdict

from example_db import User

from nestpy_core import Denial, DeniedError, injectable, module
from nestpy_graphql import Loader, dataloader, field, resolver
from nestpy_orm import UUID7, Crud, EntityNotFoundError, Repository, crud


@crud(User, path="/users")
class UsersResource(Crud[User]):
    async def get(self, id: UUID7) -> User:
        try:
            return await super().get(id)
        except EntityNotFoundError:
            everybody = self.repository.unscoped("a foreign user is forbidden, a missing one is not found")
            if await everybody.exists(key=id):
                raise DeniedError(Denial.forbidden("This user belongs to another organisation")) from None
            raise


@injectable
class Namesakes:
    users: Repository[User]

    @dataloader
    async def of_name(self, keys: list[str]) -> dict[str, list[User]]:
        found: defaultdict[str, list[User]] = defaultdict(list)
        for user in await self.users.find(User.name.is_in(keys)):
            found[user.name].append(user)
        return found


@resolver(User)
class UserFields:
    @field(items=20)
    async def namesakes(self, user: User, of_name: Loader[str, list[User]]) -> list[User]:
        """Others of the same name, as far as the caller may see them."""
        found = await of_name.load(user.name) or []
        return [other for other in found if other.id != user.id][:20]


@module(providers=[UsersResource, Namesakes, UserFields])
class UsersModule: ...
