from example_db import User

from nestpy_core import Denial, DeniedError, module
from nestpy_orm import UUID7, Crud, EntityNotFoundError, crud


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


@module(providers=[UsersResource])
class UsersModule: ...
