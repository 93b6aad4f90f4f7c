"""A schema for the audits of GraphQL over HTTP."""

from nestpy_core import App, module
from nestpy_graphql import mutation, query, resolver
from nestpy_http import HttpModule


@resolver()
class Root:
    @query()
    def hello(self) -> str:
        return "Hello"

    @mutation()
    def change(self) -> str:
        return "changed"


@module(imports=[HttpModule.for_root()], providers=[Root])
class AuditedModule: ...


app = App(AuditedModule)

if __name__ == "__main__":
    app.run()
