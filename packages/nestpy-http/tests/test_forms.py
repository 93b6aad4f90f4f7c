"""Forms, files, raw, streamed and packed bodies: what arrives, and what is refused."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import pytest

from nestpy_core import use_guards
from nestpy_http import Body, File, Form, Request, Upload, body_limit, consumes, controller, get, post

pytestmark = pytest.mark.anyio
MULTIPART = {"content-type": "multipart/form-data; boundary=XX"}
MSGPACK = {"content-type": "application/msgpack"}


class SignUp(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    age: int = 0
    tags: list[str] = []
    terms: bool = False
    note: str | msgspec.UnsetType = msgspec.UNSET


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Named(TypedDict, total=False):
    name: str
    count: int


class Allow:
    def can_activate(self, context) -> bool:
        return True


@controller("/forms")
class FormsController:
    @post("/whole")
    async def whole(self, form: Form[SignUp]) -> SignUp:
        return form

    @post("/point")
    async def point(self, form: Form[Point]) -> Point:
        return form

    @post("/named")
    async def named(self, form: Form[Named]) -> Named:
        return form

    @post("/fields")
    async def fields(self, name: Form[str], age: Form[int] = 7, tag: Form[list[str]] = []) -> list[Any]:  # noqa: B006
        return [name, age, tag]

    @use_guards(Allow)
    @post("/guarded")
    async def guarded(self, name: Form[str]) -> str:
        return name

    @post("/upload")
    async def upload(self, photo: File[Upload], title: Form[str] = "") -> list[Any]:
        kept.append(photo)
        return [photo.filename, photo.media_type, photo.size, len(await photo.read()), title, photo.on_disk]

    @post("/several")
    async def several(self, form: Form[SignUp], photos: File[list[Upload]], cover: File[Upload | None]) -> list[Any]:
        return [form.name, [(one.filename, one.size) for one in photos], cover and cover.filename]

    @post("/save")
    async def save(self, photo: File[Upload]) -> str:
        return (await photo.save(saved[0])).name

    @post("/fails")
    async def fails(self, photo: File[Upload]) -> str:
        kept.append(photo)
        raise LookupError

    @post("/streams")
    async def streams(self, photo: File[Upload]) -> AsyncIterator[bytes]:
        async for chunk in photo:
            yield chunk


@controller("/bodies")
class BodiesController:
    @post("/raw")
    async def raw(self, body: Body[bytes]) -> int:
        return len(body)

    @post("/stream")
    async def stream(self, body: Body[AsyncIterator[bytes]]) -> list[int]:
        return [len(chunk) async for chunk in body]

    @post("/request-stream")
    async def request_stream(self, request: Request) -> list[int]:
        return [len(chunk) async for chunk in request.stream()]

    @consumes("application/json", "application/msgpack")
    @post("/packed")
    async def packed(self, body: SignUp) -> SignUp:
        return body

    @consumes("application/msgpack")
    @post("/only-packed")
    async def only_packed(self, body: SignUp) -> SignUp:
        return body

    @post("/json")
    async def json(self, body: SignUp) -> SignUp:
        return body

    @body_limit(10)
    @post("/small")
    async def small(self, body: Body[bytes]) -> int:
        return len(body)

    @body_limit(3_000_000)
    @post("/large")
    async def large(self, body: Body[bytes]) -> int:
        return len(body)

    @body_limit(100, files=1)
    @post("/small-upload")
    async def small_upload(self, photo: File[list[Upload]]) -> int:
        return len(photo)


kept: list[Upload] = []
saved: list[Path] = []


@pytest.fixture
async def client(serving):
    kept.clear()
    async with serving(FormsController, BodiesController) as client:
        yield client


def part(content, name="photo", filename='"cat.png"', kind="image/png", more=""):
    disposition = f'form-data; name="{name}"' + (f"; filename={filename}" if filename is not None else "") + more
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    data = content if isinstance(content, bytes) else content.encode()
    return f"--XX\r\nContent-Disposition: {disposition}\r\n{typed}\r\n".encode() + data + b"\r\n"


def field(name, value):
    return part(value, name, None, "")


END = b"--XX--\r\n"


async def codes(answer):
    assert answer.status == 400, answer.text
    return {where: [one["code"] for one in found] for where, found in answer.json()["errors"].items()}


# -- urlencoded


async def test_form_becomes_a_struct_dataclass_or_typed_dict(client):
    answer = await client.post("/forms/whole", content="name=Ada+L%C3%A9&age=36&tags=a&terms=on", headers=FORM)
    assert answer.json() == {"name": "Ada Lé", "age": 36, "tags": ["a"], "terms": True}
    assert (await client.post("/forms/whole", data={"name": "Ada", "tags": ["a", "b"]})).json()["tags"] == ["a", "b"]
    assert (await client.post("/forms/point", data={"x": "1.5"})).json()["x"] == 1.5
    assert (await client.post("/forms/named", data={"name": "x", "count": "2"})).json() == {"name": "x", "count": 2}


async def test_fields_are_taken_one_by_one(client):
    assert (await client.post("/forms/fields", data={"name": "Ada", "tag": "x"})).json() == ["Ada", 7, ["x"]]
    assert await codes(await client.post("/forms/fields", data={"age": "x"})) == {"name": ["required"], "age": ["type"]}
    assert (await client.post("/forms/guarded", data={"name": "Ada"})).text == "Ada"


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("content", "failures"),
    [
        ("", {"name": ["required"]}),
        ("name=A&age=x&terms=maybe", {"name": ["length"], "age": ["type"], "terms": ["type"]}),
        ("name=Ada&name=Bob", {"name": ["repeated"]}),
        ("name=Ada&admin=1", {"admin": ["unknown_field"]}),
        ("name=Ada&age=9223372036854775808", {"age": ["range"]}),
    ],
)
async def test_every_failure_of_a_form_is_listed(client, content, failures):
    assert await codes(await client.post("/forms/whole", content=content, headers=FORM)) == failures


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("name=%ff", 400),
        (b"name=\xff", 400),
        ("a=1&" * 100, 400),
        ("name=" + "x" * 16_384, 201),
        ("name=" + "x" * 16_385, 413),
        ("name=" + "%41" * 16_385, 413),
        ("name=Ada&&age=1&", 201),
        ("name", 400),
    ],
)
async def test_limits_and_encoding_of_a_form(client, content, status):
    assert (await client.post("/forms/whole", content=content, headers=FORM)).status == status


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/forms/whole", "application/x-www-form-urlencoded; charset=UTF-8", 201),
        ("/forms/whole", "application/x-www-form-urlencoded; charset=latin-1", 415),
        ("/forms/whole", "multipart/form-data; boundary=XX", 415),
        ("/forms/whole", "application/json", 415),
        ("/forms/upload", "application/x-www-form-urlencoded", 415),
        ("/forms/upload", "multipart/form-data", 400),
        ("/forms/upload", "multipart/form-data; boundary=" + "X" * 71, 400),
        ("/forms/upload", "multipart/mixed; boundary=XX", 415),
    ],
)
async def test_media_type_of_a_form_is_checked(client, path, kind, status):
    assert (await client.post(path, content="name=Ada", headers={"content-type": kind})).status == status


# -- multipart


async def test_file_arrives_with_its_name_type_and_size(client):
    body = part("abc") + field("title", "Cät") + END
    answer = await client.post("/forms/upload", content=body, headers=MULTIPART)
    assert answer.json() == ["cat.png", "image/png", 3, 3, "Cät", False]


async def test_large_file_goes_to_disk_and_comes_back(client):
    body = part(b"\r\n--X" * 600_000) + END
    answer = await client.post("/forms/upload", content=body, headers=MULTIPART)
    assert answer.json() == ["cat.png", "image/png", 3_000_000, 3_000_000, "", True]


async def test_struct_several_files_and_an_absent_one_stand_together(client):
    body = field("name", "Ada") + part("1", "photos", '"a.txt"') + part("22", "photos", '"b.txt"') + END
    answer = await client.post("/forms/several", content=body, headers=MULTIPART)
    assert answer.json() == ["Ada", [["a.txt", 1], ["b.txt", 2]], None]
    unchosen = part("", "cover", '""', "application/octet-stream")
    again = await client.post("/forms/several", content=unchosen + body, headers=MULTIPART)
    assert again.json()[2] is None


@pytest.mark.parametrize(
    ("filename", "seen"),
    [
        ('"../../etc/passwd"', "passwd"),
        ('"C:\\\\temp\\\\x.png"', "x.png"),
        ('".htaccess"', "htaccess"),
        ('"a\tb\u202egnp.exe"', "abgnp.exe"),
        ("\"x.png\"; filename*=UTF-8''..%2fevil", "x.png"),
        ('"' + "n" * 400 + '.png"', "n" * 116 + ".png"),
    ],
)
async def test_given_name_is_made_harmless_and_the_extended_one_ignored(client, filename, seen):
    answer = await client.post("/forms/upload", content=part("x", filename=filename) + END, headers=MULTIPART)
    assert answer.json()[0] == seen


async def test_upload_is_saved_under_a_generated_name_and_never_over_another(client, tmp_path):
    saved[:] = [tmp_path]
    body = part(b"x" * 200_000) + END
    name = (await client.post("/forms/save", content=body, headers=MULTIPART)).text
    assert len(name) == 32
    assert (tmp_path / name).read_bytes() == b"x" * 200_000
    saved[:] = [tmp_path / name]
    assert (await client.post("/forms/save", content=body, headers=MULTIPART)).status == 500


@pytest.mark.parametrize("path", ["/forms/upload", "/forms/fails"])
@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_files_are_closed_at_the_end_of_the_request(client, path, size):
    await client.post(path, content=part(b"x" * size) + END, headers=MULTIPART)
    with pytest.raises(ValueError, match="closed"):
        await kept[0].read()


async def test_streamed_answer_may_still_read_the_file(client):
    answer = await client.post("/forms/streams", content=part(b"x" * 1_500_000) + END, headers=MULTIPART)
    assert len(answer.content) == 1_500_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (part("x", "other") + END, 400),
        (part("x") + part("x") + END, 400),
        (field("photo", "x") + END, 400),
        (END, 400),
        (b"", 400),
        (part("x"), 400),
        (part("x")[:-3], 400),
        (part("x") + END + b"epilogue", 201),
        (b"preamble\r\n" + part("x") + END, 400),
        (b"\r\n" * 100_000 + part("x") + END, 201),
        (b"--XX\r\nContent-Type: a/b\r\n\r\nx\r\n" + END, 400),
        (b"--XX\r\n" + b"A: b\r\n" * 9 + b"\r\nx\r\n" + END, 400),
        (b"--XX\r\nA: " + b"b" * 5000 + b"\r\n\r\nx\r\n" + END, 400),
        (part("x") + field("title", "t") * 101 + END, 400),
        (part("x") + field("title", "t" * 16_385) + END, 413),
        (part("x") + field("title", b"\xff") + END, 400),
        (part(b"x" * (10 * 1024 * 1024)) + END, 413),
        (part("x", kind='te"xt/evil') + END, 201),
    ],
)
async def test_form_that_breaks_a_limit_or_the_format_is_refused(client, body, status):
    answer = await client.post("/forms/upload", content=body, headers=MULTIPART)
    assert answer.status == status, answer.text


async def test_too_many_files_are_refused(client):
    body = field("name", "Ada") + part("1", "photos") * 21 + END
    assert (await client.post("/forms/several", content=body, headers=MULTIPART)).status == 400
    assert (await client.post("/bodies/small-upload", content=part("x") * 2 + END, headers=MULTIPART)).status == 413
    assert (await client.post("/bodies/small-upload", content=part("x" * 200) + END, headers=MULTIPART)).status == 413


async def test_form_in_single_bytes_is_the_same_form(client):
    async def slowly():
        for byte in part("a\r\n--XYb") + field("title", "t") + END:
            yield bytes([byte])

    answer = await client.post("/forms/upload", content=slowly(), headers=MULTIPART)
    assert answer.json() == ["cat.png", "image/png", 8, 8, "t", False]


# -- other bodies


@pytest.mark.parametrize("path", ["/bodies/stream", "/bodies/request-stream"])
async def test_body_is_streamed_and_counted(client, path):
    async def chunks(*sizes):
        for size in sizes:
            yield b"x" * size

    assert (await client.post(path, content=chunks(3, 5))).json() == [3, 5]
    assert (await client.post(path, content=b"abc")).json() == [3]
    assert (await client.post(path, content=chunks(1_000_000, 48_577))).status == 413
    assert (await client.post(path, content=b"x" * 1_048_577)).status == 413


@pytest.mark.parametrize("path", ["/bodies/packed", "/bodies/only-packed"])
@pytest.mark.parametrize("kind", ["application/msgpack", "application/vnd.msgpack"])
async def test_packed_body_is_decoded_where_the_route_takes_it(client, path, kind):
    body = msgspec.msgpack.encode({"name": "Ada", "age": 3})
    assert (await client.post(path, content=body, headers={"content-type": kind})).json()["age"] == 3


async def test_packed_body_is_held_to_its_type(client):
    async def asked(value):
        content = value if isinstance(value, bytes) else msgspec.msgpack.encode(value)
        return await client.post("/bodies/packed", content=content, headers=MSGPACK)

    assert await codes(await asked({"name": "A", "age": "x"})) == {"name": ["length"], "age": ["type"]}
    assert await codes(await asked({"name": "Ada", "admin": True})) == {"admin": ["unknown_field"]}
    assert await codes(await asked({"name": "Ada", "age": 2**63})) == {"age": ["range"]}
    assert await codes(await asked({"name": "Ada", 7: True})) == {"7": ["unknown_field"]}
    assert (await asked(b"\xc1")).json()["detail"] == "The body is not valid MessagePack"


async def test_route_takes_only_what_it_says(client):
    packed = msgspec.msgpack.encode({"name": "Ada"})
    assert (await client.post("/bodies/json", content=packed, headers=MSGPACK)).status == 415
    assert (await client.post("/bodies/only-packed", json={"name": "Ada"})).status == 415
    assert (await client.post("/bodies/packed", json={"name": "Ada"})).status == 201
    latin = {"content-type": "application/json; charset=latin-1"}
    assert (await client.post("/bodies/packed", content='{"name": "Ada"}', headers=latin)).status == 415


@pytest.mark.parametrize("path", ["/bodies/json", "/bodies/raw", "/bodies/stream", "/forms/whole", "/forms/upload"])
async def test_compressed_body_is_refused(client, path):
    kinds = {"/forms/whole": FORM, "/forms/upload": MULTIPART}
    headers = {"content-type": "application/json", **kinds.get(path, {}), "content-encoding": "gzip"}
    answer = await client.post(path, content=b'{"name": "Ada"}', headers=headers)
    assert answer.status == 415


async def test_route_has_its_own_limit(client):
    assert (await client.post("/bodies/small", content=b"x" * 10)).status == 201
    assert (await client.post("/bodies/small", content=b"x" * 11)).status == 413
    assert (await client.post("/bodies/large", content=b"x" * 3_000_000)).json() == 3_000_000
    assert (await client.post("/bodies/raw", content=b"x" * 1_048_577)).status == 413


async def test_body_that_stalls_is_408_and_one_that_goes_on_is_not(serving):
    async def drip(count, pause):
        for _ in range(count):
            yield b"x"
            await asyncio.sleep(pause)

    async with serving(FormsController, BodiesController, body_timeout=0.3) as client:
        begun = time.monotonic()
        answer = await client.post("/bodies/raw", content=drip(20, 0.1))
        assert answer.status == 408
        assert answer.headers.get("connection") == "close"
        assert time.monotonic() - begun < 1.5
        assert (await client.post("/bodies/raw", content=drip(2, 0.01))).status == 201


async def test_validation_status_may_be_422(serving):
    async with serving(FormsController, BodiesController, validation_status=422) as client:
        assert (await client.post("/bodies/json", json={"name": 1})).status == 422
        assert (await client.post("/forms/fields", data={})).json()["status"] == 422
        broken = await client.post("/bodies/json", content="{", headers={"content-type": "application/json"})
        assert broken.status == 400


# -- boot


def problems_of(boot_problems, declare, verb=post):
    @controller("/")
    class OnlyController:
        handle = verb("/")(declare)

    return "\n".join(boot_problems(OnlyController))


def test_form_beside_a_body_is_refused_at_boot(boot_problems):
    async def handle(self, user: SignUp, name: Form[str]): ...

    assert "takes two bodies, `user` and `name`" in problems_of(boot_problems, handle)


def test_field_beside_a_whole_form_is_refused_at_boot(boot_problems):
    async def handle(self, user: Form[SignUp], name: Form[str]): ...

    assert "takes two bodies, `user` and `name`" in problems_of(boot_problems, handle)


def test_file_that_is_no_upload_is_refused_at_boot(boot_problems):
    async def handle(self, photo: File[bytes]): ...

    assert "`photo` of `OnlyController.handle` is `File[bytes]`, and a file is an `Upload`" in problems_of(
        boot_problems, handle
    )


def test_form_on_get_is_refused_at_boot(boot_problems):
    async def handle(self, name: Form[str]): ...

    assert "is a form, and GET requests have none" in problems_of(boot_problems, handle, get)


# -- cost


def seconds(work):
    best = float("inf")
    for _ in range(7):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def is_linear(work, size):
    """Say whether doubling the size at most doubles the time, a busy machine being given three tries."""
    tries = range(3)
    return any(seconds(lambda: work(2 * size)) <= 2.5 * seconds(lambda: work(size)) + 0.02 for _ in tries)


SHAPES = {
    "data": lambda times: part(b"x" * 40 * times) + END,
    "almost boundaries": lambda times: part(b"\r\n--X" * 8 * times) + END,
    "line breaks": lambda times: b"\r\n" * 20 * times + END,
    "header": lambda times: b"--XX\r\nContent-Disposition: form-data" + b"; " * 20 * times + b"\r\n\r\nx\r\n" + END,
    "parts": lambda times: field("a", "b") * times + END,
    "unterminated": lambda times: b"--XX\r\nA" + b"\r" * 40 * times,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_multipart_is_linear(shape):
    from nestpy_http._intake import Intake
    from nestpy_http._multipart import MultipartForm

    def parse(times):
        body = SHAPES[shape](times)

        async def chunks():
            yield body

        async def run():
            with MultipartForm(Intake(fields=10**6), frozenset({"photo"})) as form:
                try:
                    await form.read(MULTIPART, chunks())
                except Exception:  # noqa: BLE001  # only the time counts
                    return

        asyncio.run(run())

    assert is_linear(parse, 4_000)


@pytest.mark.parametrize("shape", [b"a=1&", b"&", b"%", b"%41", b"+", b"a=", b"a=1&a=2&"])
def test_urlencoded_is_linear(shape):
    from nestpy_http._form import urlencoded
    from nestpy_http.errors import HttpError

    def parse(times):
        try:
            urlencoded(shape * times, 10**7, 10**8)
        except HttpError:
            return

    assert is_linear(parse, 20_000)
