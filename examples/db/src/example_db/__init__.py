from .entities import Org, User
from .seed import ACME, GLOBEX, seed
from .settings import MIGRATIONS

__all__ = ["ACME", "GLOBEX", "MIGRATIONS", "Org", "User", "seed"]
