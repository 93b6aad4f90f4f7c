"""GraphQL over HTTP: what is taken, what is answered, and what no foreign page can send (goal G5)."""

import json
from urllib.parse import quote

import pytest

from nestpy_graphql import mutation, query, resolver
from nestpy_http import HttpClient
from nestpy_testing import TestApp

RUN: list[str] = []


@resolver()
class Root:
    @query()
    def hello(self, name: str = "you") -> str:
        RUN.append("hello")
        return f"Hello {name}"

    @query()
    def broken(self) -> str:
        raise ValueError("canary")

    @mutation()
    def change(self, to: str = "x") -> str:
        RUN.append("change")
        return to


@pytest.fixture
async def http(app_of):
    RUN.clear()
    async with TestApp(app_of(Root)) as app:
        yield HttpClient(app.app.__rsgi__)


@pytest.fixture
async def batching(app_of):
    RUN.clear()
    async with TestApp(app_of(Root, max_batch=3)) as app:
        yield HttpClient(app.app.__rsgi__)


CHANGE = "mutation { change }"
BODY = json.dumps({"query": CHANGE}).encode()
FORM = f"query={quote(CHANGE)}".encode()
PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n' + BODY + b"\r\n"
    b'--b\r\nContent-Disposition: form-data; name="map"\r\n\r\n{}\r\n--b--\r\n'
)
GET = f"/graphql?query={quote(CHANGE)}"
TWO = f"/graphql?query={quote('query A{hello} mutation B{change}')}"

FOREIGN = {
    "no type": ("POST", "/graphql", {}, BODY),
    "an empty type": ("POST", "/graphql", {"content-type": ""}, BODY),
    "a blank type": ("POST", "/graphql", {"content-type": " "}, BODY),
    "text": ("POST", "/graphql", {"content-type": "text/plain"}, BODY),
    "text in capitals": ("POST", "/graphql", {"content-type": "TEXT/PLAIN"}, BODY),
    "text of a charset": ("POST", "/graphql", {"content-type": "text/plain; charset=utf-8"}, BODY),
    "text that mentions JSON": ("POST", "/graphql", {"content-type": "text/plain; application/json"}, BODY),
    "text that pretends to be JSON": ("POST", "/graphql", {"content-type": "text/plain;application/json"}, BODY),
    "text of a list of types": ("POST", "/graphql", {"content-type": "text/plain, application/json"}, BODY),
    "JSON of a list of types": ("POST", "/graphql", {"content-type": "application/json, text/plain"}, BODY),
    "a longer JSON": ("POST", "/graphql", {"content-type": "application/jsonx"}, BODY),
    "a form": ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}, FORM),
    "a form that holds JSON": ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}, BODY),
    "a form of a charset": ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded;charset=a"}, FORM),
    "parts": ("POST", "/graphql", {"content-type": "multipart/form-data; boundary=b"}, PARTS),
    "parts in capitals": ("POST", "/graphql", {"content-type": "MULTIPART/FORM-DATA; boundary=b"}, PARTS),
    "parts of JSON": ("POST", "/graphql", {"content-type": "multipart/form-data; boundary=b"}, BODY),
    "parts without a boundary": ("POST", "/graphql", {"content-type": "multipart/form-data"}, PARTS),
    "other parts": ("POST", "/graphql", {"content-type": "multipart/mixed; boundary=b"}, PARTS),
    "a beacon": ("POST", "/graphql", {"content-type": "text/plain;charset=UTF-8", "sec-fetch-mode": "no-cors"}, BODY),
    "a document": ("POST", "/graphql", {"content-type": "application/graphql"}, CHANGE.encode()),
    "XML": ("POST", "/graphql", {"content-type": "text/xml"}, BODY),
    "an image": ("POST", "/graphql", {"content-type": "image/png"}, BODY),
    "a query string": ("POST", GET, {}, b""),
    "a query string and text": ("POST", GET, {"content-type": "text/plain"}, b"{}"),
    "a link": ("GET", GET, {"accept": "text/html,*/*"}, b""),
    "an image's source": ("GET", GET, {"accept": "image/*,*/*;q=0.8", "sec-fetch-mode": "no-cors"}, b""),
    "a script's source": ("GET", GET, {"accept": "*/*", "sec-fetch-dest": "script"}, b""),
    "a stream's source": ("GET", GET, {"accept": "text/event-stream"}, b""),
    "a named operation": ("GET", f"{GET}&operationName=", {"accept": "application/json"}, b""),
    "a second operation": ("GET", f"{TWO}&operationName=B", {}, b""),
    "HEAD": ("HEAD", GET, {}, b""),
    "a type by override": ("GET", GET, {"content-type": "application/json"}, BODY),
    "a method by override": ("GET", GET, {"x-http-method-override": "POST"}, b""),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
async def test_nothing_that_a_foreign_page_can_send_runs_a_mutation(http, name):
    method, path, headers, body = FOREIGN[name]
    answer = await http.request(method, path, content=body, headers={"origin": "https://evil.example", **headers})
    assert RUN == []
    assert 400 <= answer.status < 500 or answer.headers["content-type"] == "text/event-stream"


async def test_the_same_body_as_json_runs(http):
    answer = await http.post("/graphql", content=BODY, headers={"content-type": "application/json; charset=utf-8"})
    assert (answer.status, answer.json(), RUN) == (200, {"data": {"change": "x"}}, ["change"])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("application/json; charset=utf-8, text/html", "application/json"),
        ("application/graphql-response+json", "application/graphql-response+json"),
        ("application/graphql-response+json, application/json;q=0.9", "application/graphql-response+json"),
        ("application/graphql-response+json; charset=utf-8, application/json", "application/graphql-response+json"),
        ("application/json, application/graphql-response+json;q=0.5", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
    ],
)
async def test_the_answer_has_the_type_that_the_client_likes_best(http, accept, kind):
    headers = {} if accept is None else {"accept": accept}
    answer = await http.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, kind)


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/json;q=0", "text/plain, application/xml"])
async def test_a_client_that_takes_no_answer_gets_none(http, accept):
    answer = await http.post("/graphql", json={"query": "{ hello }"}, headers={"accept": accept})
    assert (answer.status, RUN) == (406, [])
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


STATUSES = [
    ({"query": "{ hello }"}, 200, 200, None),
    ({"query": "{ broken }"}, 200, 200, "INTERNAL"),
    ({"query": "{"}, 200, 400, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ nothing }"}, 200, 400, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "{ hello(nobody: 1) }"}, 200, 400, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query($v: String!) { hello(name: $v) }", "variables": {"v": 3}}, 200, 400, "BAD_USER_INPUT"),
    ({"query": "{ hello }", "operationName": "A"}, 200, 400, "OPERATION_NOT_FOUND"),
    ({"query": 3}, 400, 400, "BAD_REQUEST"),
    ({"query": "{ hello }", "variables": []}, 400, 400, "BAD_REQUEST"),
    ({"query": "{ hello }", "variables": "{}"}, 400, 400, "BAD_REQUEST"),
    ({"query": "{ hello }", "operationName": 3}, 400, 400, "BAD_REQUEST"),
    ({"query": "{ hello }", "extensions": "x"}, 400, 400, "BAD_REQUEST"),
    ({}, 400, 400, "BAD_REQUEST"),
    ("text", 400, 400, "BAD_REQUEST"),
    (None, 400, 400, "BAD_REQUEST"),
    ([], 400, 400, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("body", "as_json", "as_graphql", "code"), STATUSES)
async def test_each_outcome_has_the_status_that_the_specification_says(http, body, as_json, as_graphql, code):
    for kind, status in (("application/json", as_json), ("application/graphql-response+json", as_graphql)):
        answer = await http.post("/graphql", json=body, headers={"accept": kind})
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (status, kind)
        codes = [error["extensions"]["code"] for error in answer.json().get("errors", [])]
        assert codes == ([] if code is None else [code])


@pytest.mark.parametrize("body", [b"", b"{", b'{"query": "{ hello }"', b"\xff", b"nonsense", b"[" * 5000])
async def test_what_is_no_json_is_refused(http, body):
    answer = await http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert (answer.status, RUN) == (400, [])
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_get_answers_queries_with_variables(http):
    source, variables = quote('query Q($n: String! = "x") { hello(name: $n) }'), quote('{"n": "Ann"}')
    answer = await http.get(f"/graphql?query={source}&variables={variables}&operationName=Q")
    assert (answer.status, answer.json()) == (200, {"data": {"hello": "Hello Ann"}})


@pytest.mark.parametrize(
    "given",
    ["variables={", "variables=[]", "variables=3", "extensions=3", "query=%7Bhello%7D&query=%7Bhello%7D"],
)
async def test_a_get_whose_query_string_is_malformed_is_refused(http, given):
    answer = await http.get(f"/graphql?query=%7Bhello%7D&{given}")
    assert (answer.status, RUN) == (400, [])


async def test_a_get_of_a_mutation_says_how_to_send_it(http):
    answer = await http.get(GET)
    assert (answer.status, answer.headers["allow"], RUN) == (405, "POST", [])
    assert answer.json()["errors"][0] == {
        "message": "A GET only reads: send mutations by POST",
        "extensions": {"code": "METHOD_NOT_ALLOWED"},
    }


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_allowed(http, method):
    answer = await http.request(method, "/graphql", json={"query": "{ hello }"})
    assert (answer.status, RUN) == (405, [])
    assert {"GET", "POST"} <= set(answer.headers["allow"].replace(" ", "").split(","))


async def test_batches_are_off_unless_a_size_is_set(http):
    answer = await http.post("/graphql", json=[{"query": "{ hello }"}])
    assert (answer.status, RUN) == (400, [])
    assert answer.json()["errors"][0]["message"] == "Batches are off: send one operation"


async def test_a_batch_is_answered_in_its_order_up_to_its_size(batching):
    operations = [{"query": "{ hello }"}, {"query": "{"}, {"query": "mutation { change }"}]
    answer = await batching.post("/graphql", json=operations)
    first, second, third = answer.json()
    assert (first, third) == ({"data": {"hello": "Hello you"}}, {"data": {"change": "x"}})
    assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    RUN.clear()
    for size in (0, 4):
        answer = await batching.post("/graphql", json=[{"query": "{ hello }"}] * size)
        assert (answer.status, RUN) == (400, [])
        assert answer.json()["errors"][0]["message"] == "A batch holds 1 to 3 operations"


async def test_a_batch_of_eleven_is_refused_where_ten_may_come(app_of):
    RUN.clear()
    async with TestApp(app_of(Root, max_batch=10)) as app:
        http = HttpClient(app.app.__rsgi__)
        assert (await http.post("/graphql", json=[{"query": "{ hello }"}] * 11)).status == 400
        assert RUN == []
        assert (await http.post("/graphql", json=[{"query": "{ hello }"}] * 10)).status == 200


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(app_of):
    RUN.clear()
    async with TestApp(app_of(Root, max_body_bytes=200)) as app:
        http = HttpClient(app.app.__rsgi__)
        answer = await http.post("/graphql", json={"query": "{ hello }", "extensions": {"x": "y" * 200}})
        assert (answer.status, RUN) == (413, [])
        assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
        assert (await http.post("/graphql", json={"query": "{ hello }"})).status == 200


async def test_the_endpoint_answers_where_it_is_put(app_of):
    async with TestApp(app_of(Root, path="/api/query")) as app:
        assert (await app.graphql("{ hello }")).data == {"hello": "Hello you"}
        http = HttpClient(app.app.__rsgi__)
        assert (await http.post("/graphql", json={"query": "{ hello }"})).status == 404
