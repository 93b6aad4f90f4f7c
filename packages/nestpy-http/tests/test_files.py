"""Files are answered with validators and ranges, and nothing outside their directory is."""

import os

import pytest

from nestpy_http import FileResponse, HttpClient, HttpContext, HttpModule, Query, controller, get
from nestpy_http._files import disposition
from nestpy_http._ranges import parse_ranges

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def directory(tmp_path):
    root = tmp_path / "public"
    (root / "css").mkdir(parents=True)
    (root / "data.bin").write_bytes(CONTENT)
    (root / "page.html").write_text("<p>é", "utf-8")
    (root / "css" / "a b.css").write_text("a{}")
    (root / "empty.txt").write_text("")
    (root / ".env").write_text("SECRET=1")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("x")
    (tmp_path / "outside.txt").write_text("outside")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "inner.css").symlink_to(root / "css" / "a b.css")
    (root / "hidden.txt").symlink_to(root / ".env")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def files(directory, serving):
    @controller("/")
    class FilesController:
        @get("/file")
        async def file(self, name: Query[str] = "data.bin") -> FileResponse:
            return FileResponse(directory / name)

        @get("/upload")
        async def upload(self) -> FileResponse:
            return FileResponse(directory / "page.html", filename='naïve "a/b"\r\n.html')

        @get("/drafted")
        async def drafted(self, context: HttpContext) -> FileResponse | None:
            context.response.set("x-a", "1")
            return FileResponse(directory / "data.bin", inline=True, headers={"etag": '"mine"'})

        @get("/unannotated")
        async def unannotated(self):
            return FileResponse(directory / "data.bin")

    return lambda: serving(FilesController)


async def test_file_is_sent_whole_with_its_validators(files):
    async with files() as http:
        answer = await http.get("/file")
        assert (answer.status, answer.content) == (200, CONTENT)
        assert answer.headers["content-length"] == "1024"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-disposition"] == 'attachment; filename="data.bin"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["etag"].startswith('"')
        head = await http.head("/file")
        assert (head.headers, head.content) == (answer.headers, b"")
        page = await http.get("/file?name=page.html")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert (await http.get("/file?name=nothing")).status == 404
        assert (await http.get("/file?name=css")).status == 404
        for method in ("GET", "HEAD"):
            empty = await http.request(method, "/file?name=empty.txt")
            assert (empty.status, empty.headers["content-length"], empty.content) == (200, "0", b"")
        drafted = await http.get("/drafted")
        assert (drafted.headers["x-a"], drafted.headers.get_all("etag")) == ("1", ['"mine"'])
        assert drafted.headers["content-disposition"].startswith("inline")


async def test_uploaded_page_is_saved_under_a_harmless_name(files):
    async with files() as http:
        answer = await http.get("/upload")
        assert answer.headers["content-disposition"] == (
            "attachment; filename=\"na_ve _a_b___.html\"; filename*=UTF-8''na%C3%AFve%20_a_b___.html"
        )
    assert disposition("a%41.txt", inline=True) == "inline; filename=\"a_41.txt\"; filename*=UTF-8''a%2541.txt"


async def test_client_with_the_same_file_gets_304(files):
    async with files() as http:
        first = await http.get("/file")
        tag, modified = first.headers["etag"], first.headers["last-modified"]
        for headers in (
            {"if-none-match": tag},
            {"if-none-match": f'"x", W/{tag}'},
            {"if-none-match": "*"},
            {"if-modified-since": modified},
        ):
            answer = await http.get("/file", headers=headers)
            assert (answer.status, answer.content, answer.headers["etag"]) == (304, b"", tag)
        for headers in (
            {"if-none-match": '"x"', "if-modified-since": modified},
            {"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"},
            {"if-modified-since": "nonsense"},
        ):
            assert (await http.get("/file", headers=headers)).status == 200


async def test_file_that_the_client_does_not_have_is_412(files):
    async with files() as http:
        first = await http.get("/file")
        tag, modified = first.headers["etag"], first.headers["last-modified"]
        for status, headers in (
            (200, {"if-match": f'"x", {tag}'}),
            (200, {"if-match": "*", "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}),
            (200, {"if-unmodified-since": modified}),
            (200, {"if-unmodified-since": "nonsense"}),
            (206, {"if-match": tag, "range": "bytes=0-0"}),
            (304, {"if-match": tag, "if-none-match": tag}),
            (412, {"if-match": '"x"'}),
            (412, {"if-match": f"W/{tag}"}),
            (412, {"if-match": "", "if-none-match": tag}),
            (412, {"if-match": '"x"', "range": "bytes=0-0"}),
            (412, {"if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT", "if-modified-since": modified}),
        ):
            assert (await http.get("/file", headers=headers)).status == status, headers
        assert (await http.get("/drafted", headers={"if-match": '"mine"'})).status == 200
        assert (await http.get("/drafted", headers={"if-match": tag})).status == 412
        assert (await http.get("/drafted", headers={"if-none-match": '"mine"'})).status == 304


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024), ("bytes=5-9999", 5, 1024)],
)
async def test_one_range_is_206(asked, start, end, files):
    async with files() as http:
        answer = await http.get("/file", headers={"range": asked})
        assert (answer.status, answer.content) == (206, CONTENT[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/1024"
        assert answer.headers["content-length"] == str(end - start)


async def test_several_ranges_are_parts(files):
    async with files() as http:
        answer = await http.get("/file", headers={"range": "bytes=0-1, 10-11"})
        boundary = answer.headers["content-type"].partition("boundary=")[2]
        assert answer.status == 206
        assert answer.headers["content-length"] == str(len(answer.content))
        parts = answer.content.split(f"--{boundary}".encode())
        assert [part.partition(b"\r\n\r\n")[2][:2] for part in parts[1:3]] == [CONTENT[0:2], CONTENT[10:12]]
        assert b"content-range: bytes 10-11/1024" in parts[2]


async def test_range_that_cannot_be_satisfied_is_416(files):
    async with files() as http:
        answer = await http.get("/file", headers={"range": "bytes=2000-"})
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */1024")


async def test_ranges_that_are_malformed_outdated_or_too_many_give_the_whole_file(files):
    async with files() as http:
        for headers in (
            {"range": "lines=0-1"},
            {"range": "bytes=5-1"},
            {"range": "bytes=a-b"},
            {"range": "bytes=-"},
            {"range": "bytes=" + ",".join(f"{n}-{n}" for n in range(17))},
            {"range": "bytes=0-,0-"},
            {"range": "bytes=0-1", "if-range": '"x"'},
            {"range": "bytes=0-1", "if-range": "Thu, 01 Jan 1970 00:00:00 GMT"},
        ):
            answer = await http.get("/file", headers=headers)
            assert (answer.status, answer.content) == (200, CONTENT), headers
        tag = (await http.get("/file")).headers["etag"]
        assert (await http.get("/file", headers={"range": "bytes=0-1", "if-range": tag})).status == 206
        assert (await http.head("/file", headers={"range": "bytes=0-1"})).headers["content-length"] == "1024"


async def test_file_of_a_route_that_does_not_name_files_says_what_to_write(files, caplog):
    async with files() as http:
        assert (await http.get("/unannotated")).status == 500
    assert "-> FileResponse" in caplog.text


def test_ranges_never_ask_for_more_than_the_file():
    assert parse_ranges("bytes=0-0,1-1", 2) == [(0, 1), (1, 2)]
    assert parse_ranges("bytes=0-1,1-1", 2) is None
    assert parse_ranges("bytes=-0", 2) == []
    assert parse_ranges("bytes=0-", 0) == []
    assert parse_ranges("bytes=" + "9" * 19 + "-", 2) is None
    assert parse_ranges("bytes=²-", 2) is None


async def test_static_files_are_served_with_head_and_validators(directory, make_app):
    app = make_app(imports=[HttpModule.serve_static("/assets", directory)])
    from nestpy_http import HttpClient

    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        answer = await http.get("/assets/css/a%20b.css")
        assert (answer.status, answer.text, answer.headers["cache-control"]) == (200, "a{}", "no-cache")
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("inline")
        assert (await http.head("/assets/css/a%20b.css")).headers["content-length"] == "3"
        assert (await http.get("/assets/inner.css")).text == "a{}"
        tag = answer.headers["etag"]
        assert (await http.get("/assets/css/a%20b.css", headers={"if-none-match": tag})).status == 304
        assert (await http.post("/assets/page.html")).headers["allow"] == "GET, HEAD"


async def test_head_of_a_file_is_not_that_of_a_route_beside_it(directory, make_app):
    @controller("/assets")
    class BesideController:
        @get("/{name}/info")
        async def info(self, name: str) -> str:
            return f"about {name}"

        @get("/{name}")
        async def one(self, name: str) -> str:
            return f"the page called {name}"

    app = make_app(BesideController, imports=[HttpModule.serve_static("/assets", directory)])
    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        for path in ("/assets/css/a%20b.css", "/assets/data.bin", "/assets/x/info"):
            seen, head = await http.get(path), await http.head(path)
            assert head.headers["content-length"] == seen.headers["content-length"], path


async def test_guards_stand_before_static_files(directory, make_app, boot_problems):
    class Refusing:
        posture = True

        def can_activate(self, context):
            return False

    from nestpy_core import APP_GUARD, provide
    from nestpy_http import HttpClient

    guard = provide(APP_GUARD, use_class=Refusing, multi=True)
    for public, status in ((False, 403), (True, 200)):
        app = make_app(guard, imports=[HttpModule.serve_static("/assets", directory, public=public)])
        async with app.create_context():
            assert (await HttpClient(app.__rsgi__).get("/assets/page.html")).status == status


async def test_two_directories_are_two_routes_and_the_longer_path_wins(directory, make_app):
    from nestpy_http import HttpClient

    inner = HttpModule.serve_static("/assets/inner", directory / "css")
    app = make_app(imports=[HttpModule.serve_static("/assets", directory), inner])
    async with app.create_context():
        http = HttpClient(app.__rsgi__)
        assert (await http.get("/assets/inner/a%20b.css")).text == "a{}"
        assert (await http.get("/assets/css/a%20b.css")).text == "a{}"


@pytest.mark.parametrize(
    "path",
    [
        "/assets",
        "/assets/",
        "/assets/css",
        "/assets/css/",
        "/assets/.env",
        "/assets/.git/config",
        "/assets/link.txt",
        "/assets/hidden.txt",
        "/assets/pipe",
        "/assets/nothing",
        "/assets/page.html/x",
        "/assets/C:%5C",
        "/assets/..%5Coutside.txt",
        "/assets/%2e%2e/outside.txt",
        "/assets/../outside.txt",
        "/assets//etc/passwd",
        "/assets/%00",
        "/assetsx/page.html",
        "/%2e%2e/etc/passwd",
        "/assets/" + "a/" * 500 + "x",
        "/assets/" + "a" * 300,
    ],
)
async def test_nothing_but_regular_files_of_the_directory_is_served(path, directory, make_app):
    app = make_app(imports=[HttpModule.serve_static("/assets", directory)])
    from nestpy_http import HttpClient

    async with app.create_context():
        answer = await HttpClient(app.__rsgi__).get(path)
        assert answer.status in (400, 404)
        assert answer.headers["content-type"] == "application/problem+json"
