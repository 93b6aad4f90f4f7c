"""Actors, entities and the schema support of a storage that is nobody's: what the tests authorize."""

import msgspec


class User(msgspec.Struct, frozen=True):
    id: str
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    org_id: int | None = None


class Entity:
    """What a storage library's row looks like: attributes, and no type that msgspec knows."""

    columns: tuple[str, ...] = ()
    many: tuple[str, ...] = ()

    def __init__(self, **values):
        for name in self.columns:
            setattr(self, name, values.get(name))


class Org(Entity):
    columns = ("id", "name", "plan")
    many = ("posts",)


class Post(Entity):
    columns = ("id", "title", "secret", "org_id", "published", "author")


class Person(Entity):
    columns = ("id", "name", "email", "org_id", "org")


class EntitySupport:
    def decode(self, cls, value):
        return cls(**value)

    def encode(self, value):
        return self.encode_fields(value, None)

    def json_schema(self, cls):
        return {"type": "object"}

    def fields(self, cls):
        return cls.columns

    def relations(self, cls):
        return cls.many

    def encode_fields(self, value, fields):
        return {name: getattr(value, name) for name in self.fields(type(value)) if fields is None or name in fields}


class Login:
    """Takes the actor from a header: an id, then roles after a space."""

    posture = True

    def can_activate(self, context):
        given = context.request.headers.get("x-user")
        if given:
            name, *roles = given.split()
            scopes = tuple(role.removeprefix("scope=") for role in roles if role.startswith("scope="))
            aware = any(role.startswith("scope") for role in roles)
            context.actor = User(name, tuple(roles), scopes if aware else None, len(name))
        return True
