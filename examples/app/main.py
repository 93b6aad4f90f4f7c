from nestpy_core import App, injectable, module
from nestpy_http import HttpModule, controller, get


@injectable
class HelloService:
    def greeting(self) -> str:
        return "Hello World"


@controller("/")
class HelloController:
    service: HelloService

    @get("/")
    async def hello(self) -> str:
        return self.service.greeting()


@module(imports=[HttpModule.for_root(port=3001)], providers=[HelloService, HelloController])
class AppModule: ...


app = App(AppModule)

if __name__ == "__main__":
    app.run()
