from auth import Caller
from example_db import Org, User

from nestpy_authz import AbilityFactory, Declare


class Policy(AbilityFactory):
    def define(self, actor: Caller, can: Declare, cannot: Declare) -> None:
        can("read", Org)
        can("create", Org)
        if "admin" in actor.roles:
            can("manage", User, org_id=actor.org_id)
        else:
            can("read", User, org_id=actor.org_id, fields=["id", "name"])
            can("create", User, org_id=actor.org_id)
