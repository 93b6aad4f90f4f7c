"""What a route does not use stands nowhere in the function that it is compiled to."""

import sys

from nestpy_http import Query, controller, get


@controller("/")
class PlainController:
    @get("/")
    async def hello(self) -> str:
        return "Hello World"

    @get("/users/{user_id}")
    async def user(self, user_id: int, verbose: Query[bool] = False) -> dict[str, int]:
        return {"id": user_id}


HELLO = """\
async def handle(scope, protocol, segments):
    if len(_RunningRequests_table) >= 256 and not await _RunningRequests_admit():
        protocol.response_bytes(*_busy)
        return
    _RunningRequests_table[protocol] = [TASK, 30.0, None, None]
    try:
        try:
            result = await _handle()
            protocol.response_str(200, _headers, result)
        except _raised as error:
            if (error := _own_failure(error)) is None:
                raise
            _fail(protocol, error)
    except _CancelledError:
        _why = _RunningRequests_ended(protocol)
        if _why is None:
            raise
        _end(protocol, _why, _label)
    finally:
        del _RunningRequests_table[protocol]
"""

USER = """\
async def handle(scope, protocol, segments):
    if len(_RunningRequests_table) >= 256 and not await _RunningRequests_admit():
        protocol.response_bytes(*_busy)
        return
    _RunningRequests_table[protocol] = [TASK, 30.0, None, None]
    try:
        try:
            _raw_user_id = segments[2]
            query = _query_values(scope.query_string)
            _raw_verbose = query.get('verbose')
            try:
                _arg_user_id = int(_raw_user_id) if _raw_user_id.isdecimal() and _raw_user_id.isascii() and len(_raw_user_id) < 19 else _make_user_id(_raw_user_id)
                _arg_verbose = _default_verbose if _raw_verbose is None else _booleans[_raw_verbose]
            except _input_errors:
                raise _explain(_arguments, {'user_id': _raw_user_id, 'verbose': _raw_verbose}) from None
            result = await _handle(_arg_user_id, _arg_verbose)
            protocol.response_bytes(200, _headers, _encode(result))
        except _raised as error:
            if (error := _own_failure(error)) is None:
                raise
            _fail(protocol, error)
    except _CancelledError:
        _why = _RunningRequests_ended(protocol)
        if _why is None:
            raise
        _end(protocol, _why, _label)
    finally:
        del _RunningRequests_table[protocol]
"""  # noqa: E501  # generated lines are as long as they get  # noqa: E501  # a line of the generated source


def source_of(make_app, name):
    app = make_app(PlainController)
    source = next(item.source for item in app.functions if item.name == name)
    return source.replace(
        "_task_of(_RunningRequests_loop)" if sys.version_info < (3, 12) else "_current_task()", "TASK"
    )


def test_bare_route_is_its_handler_and_its_answer(make_app):
    assert source_of(make_app, "PlainController.hello") == HELLO


def test_route_with_path_and_query_reads_these_and_nothing_else(make_app):
    assert source_of(make_app, "PlainController.user") == USER
