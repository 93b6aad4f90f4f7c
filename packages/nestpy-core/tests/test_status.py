"""`AppStatus` tells where the app stands, at every moment of its life."""

from line_edge import app_of, calling, on_line, started, station

from nestpy_core import AppStatus, Inject, injectable, on_application_bootstrap, on_module_destroy


@injectable
class Witness:
    status: AppStatus

    def __post_init__(self):
        self.seen = []

    def look(self):
        self.seen.append((self.status.started, self.status.ready, self.status.draining))

    @on_application_bootstrap
    def bootstrap(self):
        self.look()

    @on_module_destroy
    def destroy(self):
        self.look()


async def test_the_app_is_started_after_its_hooks_and_ready_until_the_drain_begins():
    async with started(Witness) as context:
        witness = await context.get(Witness)
        witness.look()
    assert witness.seen == [(False, False, False), (True, True, False), (True, False, True)]


async def test_every_start_has_a_status_of_its_own():
    app = app_of(Witness)
    async with app.create_context() as context:
        first = await context.get(AppStatus)
    async with app.create_context() as context:
        second = await context.get(AppStatus)
        assert second.ready
    assert first.draining
    assert not first.ready


async def test_readiness_follows_the_transports():
    seen = []

    @station
    class Hall:
        @on_line("look")
        def look(self, status: Inject[AppStatus]) -> bool:
            return status.ready

    class Slow:
        name = "slow"

        async def serve(self, serving):
            seen.append(app._run.status.ready)
            serving.ready()
            seen.append(app._run.status.ready)
            await serving.stopping.wait()
            seen.append(app._run.status.ready)

    app = app_of(Hall)
    app.edges[0].transport = Slow
    async with app.create_context(serve=True):
        assert await app.edges[0].send("look") is True
    assert seen == [False, True, False]


async def test_whoever_holds_readiness_releases_it():
    async with started(Witness) as context:
        status = await context.get(AppStatus)
        status.hold("processes die")
        status.hold("processes die")
        status.hold("no lease")
        assert (status.ready, status.reasons) == (False, ("processes die", "no lease"))
        status.release("processes die")
        status.release("unknown")
        assert not status.ready
        status.release("no lease")
        assert status.ready


async def test_a_handler_may_ask_for_it():
    @station
    class Hall:
        @on_line("look")
        def look(self, status: Inject[AppStatus]) -> bool:
            return status.started

    async with calling(Hall) as send:
        assert await send("look") is True
