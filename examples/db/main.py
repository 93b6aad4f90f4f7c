from example_db import MIGRATIONS, Org, User, seed

from nestpy_core import App, module
from nestpy_orm import OrmModule


@module(
    imports=[
        OrmModule.for_root(url="sqlite:///example.sqlite", migrations=MIGRATIONS, seeds=[seed], entities=[Org, User])
    ]
)
class DbModule: ...


app = App(DbModule)
