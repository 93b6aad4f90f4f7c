"""Which handler answers which method and path."""

import pytest

from nestpy_core import module
from nestpy_http import HttpModule, controller, delete, get, head, options, patch, post, put

pytestmark = pytest.mark.anyio


@controller("/verbs")
class VerbsController:
    @get("/")
    async def read(self) -> str:
        return "get"

    @post("/")
    async def create(self) -> str:
        return "post"

    @put("/")
    async def replace(self) -> str:
        return "put"

    @patch("/")
    async def change(self) -> str:
        return "patch"

    @delete("/")
    async def remove(self) -> str:
        return "delete"


async def test_each_verb_of_one_path_reaches_its_own_handler(serving):
    async with serving(VerbsController) as http:
        for verb in ("get", "post", "put", "patch", "delete"):
            answer = await http.request(verb, "/verbs")
            assert (answer.status, answer.text) == (201 if verb == "post" else 200, verb)


async def test_other_methods_are_405_and_allow_lists_the_served_ones_with_head_after_get(serving):
    async with serving(VerbsController) as http:
        for method in ("TRACE", "CONNECT", "QUERY"):
            answer = await http.request(method, "/verbs")
            assert answer.status == 405
            assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
            assert answer.json()["title"] == "Method Not Allowed"


async def test_a_method_that_no_standard_and_no_route_knows_is_501(serving):
    async with serving(VerbsController) as http:
        for target in ("/verbs", "/nowhere"):
            answer = await http.request("PURGE", target)
            assert (answer.status, answer.json()["title"]) == (501, "Not Implemented")


async def test_options_lists_the_methods_without_a_body(serving):
    async with serving(VerbsController) as http:
        answer = await http.options("/verbs")
        assert (answer.status, answer.content) == (204, b"")
        assert answer.headers["allow"] == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        assert (await http.options("/nowhere")).status == 404


async def test_head_answers_as_get_with_its_length_and_without_its_body(serving):
    async with serving(VerbsController) as http:
        full, answer = await http.get("/verbs"), await http.head("/verbs")
        assert (answer.status, answer.content) == (200, b"")
        assert answer.headers == full.headers
        assert answer.headers["content-length"] == "3"


async def test_a_route_may_hold_any_character_that_a_decoded_path_has(serving):
    @controller("/")
    class Odd:
        @get("/x y")
        async def space(self) -> str:
            return "space"

        @get("/100%")
        async def percent(self) -> str:
            return "percent"

        @get("/café//au")
        async def accent(self) -> str:
            return "accent"

    async with serving(Odd) as http:
        assert (await http.get("/x%20y")).text == "space"
        assert (await http.get("/100%25")).text == "percent"
        assert (await http.get("/caf%C3%A9/au")).text == "accent"


@controller("/own")
class OwnController:
    @get("/")
    async def read(self) -> str:
        return "read"

    @head("/")
    async def look(self) -> str:
        return "longer than read"

    @options("/")
    async def ask(self) -> str:
        return "asked"

    @head("/only-head")
    async def only(self) -> None: ...


async def test_own_head_and_options_handlers_replace_the_automatic_ones(serving):
    async with serving(OwnController) as http:
        assert (await http.head("/own")).headers["content-length"] == "16"
        assert (await http.options("/own")).text == "asked"
        refused = await http.post("/own")
        assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await http.get("/own/only-head")).headers["allow"] == "HEAD"


async def test_unknown_path_is_a_problem_without_allow(serving):
    async with serving(VerbsController) as http:
        answer = await http.get("/nowhere")
        assert (answer.status, answer.media_type) == (404, "application/problem+json")
        assert answer.json() == {
            "type": "https://www.rfc-editor.org/rfc/rfc9110#status.404",
            "title": "Not Found",
            "status": 404,
        }
        assert "allow" not in answer.headers


@controller("//a//", version="2")
class DoubledController:
    @get("//b//")
    async def read(self) -> str:
        return "b"

    @get()
    async def root(self) -> str:
        return "root"


async def test_prefix_version_controller_and_route_join_with_single_slashes(serving):
    async with serving(DoubledController, prefix="//api//") as http:
        assert (await http.get("/api/v2/a/b")).text == "b"
        assert (await http.get("/api/v2/a")).text == "root"
        for path in ("/a/b", "/v2/a/b", "/api/a/b", "/api/v1/a/b"):
            assert (await http.get(path)).status == 404


async def test_trailing_slash_and_case_are_exact_and_never_redirected(serving):
    async with serving(DoubledController) as http:
        for path in ("/v2/a/", "/v2/A", "/V2/a", "/v2/a/b/"):
            assert (await http.get(path)).status == 404


@controller("/orgs/{org_id}")
class NestedController:
    @get("/users/{user_id}")
    async def user(self, user_id: int, org_id: str) -> str:
        return f"{org_id} {user_id + 1}"


async def test_parameters_of_the_controllers_path_reach_the_handler_in_any_order(serving):
    async with serving(NestedController) as http:
        assert (await http.get("/orgs/acme/users/41")).text == "acme 42"


@controller("/")
class PrecedenceController:
    @get("/{first}")
    async def one(self, first: str) -> str:
        return f"one {first}"

    @get("/users/{id}")
    async def user(self, id: str) -> str:  # named by the route
        return f"user {id}"

    @get("/users/me")
    async def me(self) -> str:
        return "me"

    @get("/{kind}/{id}")
    async def any_kind(self, kind: str, id: str) -> str:
        return f"any {kind} {id}"

    @get("/{kind}/latest")
    async def latest(self, kind: str) -> str:
        return f"latest {kind}"

    @get("/users/{id}/posts")
    async def posts(self, id: str) -> str:
        return f"posts {id}"

    @get("/{kind}/{id}/comments")
    async def comments(self, kind: str, id: str) -> str:
        return f"comments {kind} {id}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/x", "one x"),
        ("/users/me", "me"),
        ("/users/7", "user 7"),
        ("/users/latest", "user latest"),
        ("/posts/latest", "latest posts"),
        ("/posts/7", "any posts 7"),
        ("/users/7/posts", "posts 7"),
        ("/users/7/comments", "comments users 7"),
    ],
)
async def test_literals_win_over_parameters_from_left_to_right_and_a_dead_end_tries_the_next_shape(path, text, serving):
    async with serving(PrecedenceController) as http:
        assert (await http.get(path)).text == text


async def test_method_of_the_less_specific_shape_is_found_when_the_specific_one_lacks_it(serving):
    @controller("/m")
    class MixedController:
        @get("/fixed")
        async def fixed(self) -> str:
            return "fixed"

        @post("/{name}")
        async def named(self, name: str) -> str:
            return name

    async with serving(MixedController) as http:
        assert (await http.post("/m/fixed")).text == "fixed"
        assert (await http.put("/m/fixed")).headers["allow"] == "GET, HEAD, POST"


async def test_empty_segment_is_no_parameter(serving):
    async with serving(PrecedenceController) as http:
        for path in ("/", "/users/", "//x", "/x//", "/users//posts"):
            assert (await http.get(path)).status in (400, 404)


@controller("/files")
class FilesController:
    @get("/{name}")
    async def read(self, name: str) -> str:
        return name

    @get("/admin")
    async def admin(self) -> str:
        return "admin"


@pytest.mark.parametrize(
    "path",
    [
        "/files/%2e%2e",
        "/files/.",
        "/files/a%5Cb",
        "/files/a;b=c",
        "/files/%00",
        "/files/a%0d%0ab",
        "/files/%7f",
        "/files/%ff",
        "/files/%C0%AF",
    ],
)
async def test_segment_that_other_parsers_read_differently_reaches_no_handler(path, serving):
    async with serving(FilesController) as http:
        answer = await http.get(path)
        assert answer.status == 400
        assert answer.json()["errors"]["name"][0]["message"] == "Expected a path segment"


@pytest.mark.parametrize(
    "path", ["/files/../files/admin", "/files/./admin", "/files//admin", "//", "/x/%2e%2e/y", "/a;b"]
)
async def test_unsafe_path_that_no_route_matches_is_refused(path, serving):
    async with serving(FilesController) as http:
        answer = await http.get(path)
        assert (answer.status, answer.json()["detail"]) == (400, "The path is not acceptable")


@pytest.mark.parametrize("segment", ["..", ".", "", "a;b", "a%5Cb", "%00", "%ff"])
async def test_segment_that_the_handler_does_not_read_is_checked_all_the_same(segment, serving):
    @controller("/orgs/{org_id}")
    class OrgController:
        @get("/users")
        async def users(self) -> str:
            return "users"

    async with serving(OrgController) as http:
        assert (await http.get("/orgs/acme/users")).text == "users"
        assert (await http.get(f"/orgs/{segment}/users")).status == 400


async def test_encoded_letters_reach_the_same_route_and_decoded_text_the_handler(serving):
    async with serving(FilesController) as http:
        assert (await http.get("/files/%61dmin")).text == "admin"
        assert (await http.get("/files/%C3%A9%20%2B+x")).text == "é ++x"
        assert (await http.get("/files/%2561")).text == "%61"
        assert (await http.get("/files/...")).text == "..."


async def test_controller_without_arguments_serves_the_root(serving):
    @controller()
    class RootController:
        @get()
        async def root(self) -> str:
            return "root"

    async with serving(RootController) as http:
        assert (await http.get("/")).text == "root"


async def test_one_handler_may_serve_several_paths_and_verbs(serving):
    @controller("/multi")
    class MultiController:
        @get("/a")
        @get("/b")
        @put("/a")
        async def both(self) -> str:
            return "both"

    async with serving(MultiController) as http:
        for method, path in (("GET", "/multi/a"), ("GET", "/multi/b"), ("PUT", "/multi/a")):
            assert (await http.request(method, path)).text == "both"
        assert (await http.put("/multi/b")).status == 405


async def test_inherited_routes_are_served_and_an_override_without_a_decorator_removes_its_route(serving):
    class Base:
        @get("/kept")
        async def kept(self) -> str:
            return "kept"

        @get("/removed")
        async def removed(self) -> str:
            return "removed"

    @controller("/sub")
    class SubController(Base):
        async def removed(self) -> str:
            return "overridden"

    async with serving(SubController) as http:
        assert (await http.get("/sub/kept")).text == "kept"
        assert (await http.get("/sub/removed")).status == 404


async def test_controller_of_a_module_that_is_not_imported_is_inert(serving):
    @module(providers=[VerbsController])
    class Unreached: ...

    assert Unreached
    async with serving(FilesController) as http:
        assert (await http.get("/verbs")).status == 404


async def test_path_of_a_thousand_segments_is_a_404(serving):
    async with serving(PrecedenceController) as http:
        assert (await http.get("/x" * 1000)).status == 404


async def test_http_module_serves_a_controller_that_a_feature_module_provides(serving):
    @module(providers=[FilesController])
    class FilesModule: ...

    async with serving(imports=[FilesModule]) as http:
        assert (await http.get("/files/x")).text == "x"


def test_http_module_may_stand_in_the_feature_module(make_app):
    @module(imports=[HttpModule], providers=[FilesController])
    class FilesModule: ...

    assert len(make_app(imports=[FilesModule]).edges[0].routes) == 2


async def test_handler_has_several_paths_and_a_last_parameter_takes_the_rest(serving):
    @controller("/x")
    class RestController:
        @get("/files/{rest...}")
        async def files(self, rest: str) -> str:
            return f"rest {rest}"

        @get("/files/{name}/info")
        async def info(self, name: str) -> str:
            return f"info {name}"

        @get("/a")
        @get("/b/{number}")
        async def both(self) -> str:
            return "both"

    async with serving(RestController) as http:
        seen = {path: (await http.get(path)).text for path in ("/x/files/a", "/x/files/a/b%20c", "/x/a", "/x/b/1")}
        assert list(seen.values()) == ["rest a", "rest a/b c", "both", "both"]
        assert (await http.get("/x/files/a/info")).text == "info a"
        assert (await http.get("/x/files/")).status == 404
        assert (await http.get("/x/files/a/../b")).status == 400
        assert (await http.head("/x/files/a/b/c")).headers["content-length"] == "10"
