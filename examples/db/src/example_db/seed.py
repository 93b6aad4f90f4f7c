import uuid

from nestpy_orm import Database, ensure

from .entities import Org, User

ACME = uuid.UUID("01890a5d-ac96-7740-8000-000000000001")
GLOBEX = uuid.UUID("01890a5d-ac96-7740-8000-000000000002")

ORGS = {"Acme": ACME, "Globex": GLOBEX}
USERS = [
    ("01890a5d-ac96-7740-8000-000000000011", "Ada", "ada@acme.example", ACME),
    ("01890a5d-ac96-7740-8000-000000000012", "Bob", "bob@acme.example", ACME),
    ("01890a5d-ac96-7740-8000-000000000013", "Cyd", "cyd@acme.example", ACME),
    ("01890a5d-ac96-7740-8000-000000000021", "Dan", "dan@globex.example", GLOBEX),
    ("01890a5d-ac96-7740-8000-000000000022", "Eve", "eve@globex.example", GLOBEX),
]


async def seed(database: Database) -> None:
    await ensure(database, Org, *({"id": id, "name": name} for name, id in ORGS.items()))
    users = ({"id": uuid.UUID(id), "name": name, "email": email, "org_id": org} for id, name, email, org in USERS)
    await ensure(database, User, *users)
