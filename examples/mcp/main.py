from weather import WeatherModule

from nestpy_core import App, module
from nestpy_health import HealthModule
from nestpy_http import HttpModule
from nestpy_mcp import McpModule


@module(imports=[HttpModule.for_root(port=3003), HealthModule, McpModule, WeatherModule])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
