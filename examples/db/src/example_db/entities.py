import msgspec
from piccolo.columns import UUID, Email, ForeignKey, Timestamptz, Varchar
from piccolo.table import Table

from nestpy_orm import Many, expose, uuid7

NOT_EMPTY = msgspec.Meta(min_length=1)


@expose(constraints={"name": NOT_EMPTY}, many={"users": Many("User")})
class Org(Table, tablename="orgs"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100, unique=True)


@expose(created="created_at", constraints={"name": NOT_EMPTY})
class User(Table, tablename="users"):
    id = UUID(primary_key=True, default=uuid7)
    name = Varchar(length=100)
    email = Email(unique=True)
    org_id = ForeignKey(Org, null=False)
    created_at = Timestamptz()
