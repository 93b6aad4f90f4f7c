from auth import SCHEMES, ApiKeyGuard
from directory import DirectoryModule
from example_db import MIGRATIONS, seed
from orgs import OrgsModule
from policy import Policy
from users import UsersModule

from nestpy_authz import AuthzModule
from nestpy_core import APP_GUARD, App, module, provide
from nestpy_graphql import GraphqlModule
from nestpy_health import HealthModule
from nestpy_http import HttpModule
from nestpy_openapi import OpenApiModule
from nestpy_orm import OrmModule
from nestpy_telemetry import TelemetryModule


@module(
    imports=[
        HttpModule.for_root(port=3002, server_timing=True),
        OrmModule.for_root(url="sqlite:///example.sqlite", migrations=MIGRATIONS, seeds=[seed], auto_migrate=True),
        AuthzModule.for_root(Policy),
        HealthModule,
        TelemetryModule,
        OpenApiModule.for_root(title="Example API", ui=True, security_schemes=SCHEMES),
        GraphqlModule,
        OrgsModule,
        UsersModule,
        DirectoryModule,
    ],
    providers=[provide(APP_GUARD, use_class=ApiKeyGuard, multi=True)],
)
class ApiModule: ...


app = App(ApiModule)

if __name__ == "__main__":
    app.run()
