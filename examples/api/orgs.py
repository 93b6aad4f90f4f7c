from example_db import Org

from nestpy_core import module
from nestpy_orm import Crud, crud


@crud(Org, path="/orgs", only=("list", "get", "create"))
class OrgsResource(Crud[Org]): ...


@module(providers=[OrgsResource])
class OrgsModule: ...
