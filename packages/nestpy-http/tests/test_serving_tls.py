"""TLS: which pairs serve, which end the boot with a sentence, and how a renewed pair is taken into use."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess

import pytest

from nestpy_core.errors import ConfigurationError
from nestpy_http import Query, controller, get
from nestpy_http._tls import TlsFiles
from nestpy_testing import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.needs("openssl")]


@controller("/")
class Slow:
    @get("/slow")
    async def slow(self, seconds: Query[float] = 0) -> str:
        await asyncio.sleep(seconds)
        return "finished"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Return a directory with the pairs `first` and `second`, and keys in other forms."""
    directory = tmp_path_factory.mktemp("tls")
    for name in ("first", "second"):
        key = directory / f"{name}.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        openssl("req", "-x509", "-key", key, "-out", directory / f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")
    first = directory / "first.key"
    openssl("pkcs8", "-topk8", "-in", first, "-passout", "pass:x", "-out", directory / "locked.key")
    openssl("ec", "-in", first, "-aes128", "-passout", "pass:x", "-out", directory / "locked-sec1.key")
    openssl("ec", "-in", first, "-out", directory / "sec1.key")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-out", directory / "p521.key")
    openssl("genrsa", "-traditional", "-out", directory / "rsa.key", "2048")
    openssl("req", "-x509", "-key", directory / "rsa.key", "-out", directory / "rsa.pem", "-subj", "/CN=first")
    openssl("pkey", "-in", first, "-outform", "DER", "-out", directory / "binary.key")
    return directory


@pytest.fixture
def listening(make_app):
    """Return ``async with listening(cert, key, **http_options) as port``."""

    @contextlib.asynccontextmanager
    async def listen(cert, key, **options):
        port = free_port()
        files = {"tls_cert": str(cert), "tls_key": str(key)}
        app = make_app(Slow, host="127.0.0.1", port=port, **files, **options)
        async with app.create_context(serve=True):
            yield port

    return listen


@contextlib.asynccontextmanager
async def connected(port, *, alpn="http/1.1", newest=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = newest
    context.set_alpn_protocols([alpn])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield reader, writer, writer.get_extra_info("ssl_object")
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def common_name(port):
    async with connected(port) as (_, _, tls):
        certificate = tls.getpeercert(binary_form=True)
    return "first" if b"first" in certificate else "second"


async def test_http_2_is_agreed_by_alpn_and_answers(listening, pairs):
    async with (
        listening(pairs / "first.pem", pairs / "first.key") as port,
        connected(port, alpn="h2") as (reader, writer, tls),
    ):
        assert (tls.selected_alpn_protocol(), tls.version()) == ("h2", "TLSv1.3")
        # GET, /slow, https, :authority x in HPACK; one stream, ended with its head.
        head = b"\x82\x04\x05/slow\x87\x41\x01x"
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        writer.write(len(head).to_bytes(3, "big") + b"\x01\x05\x00\x00\x00\x01" + head)
        data = b""
        async with asyncio.timeout(10):
            while b"finished" not in data:
                data += await reader.read(4096)


@pytest.mark.parametrize(("cert", "key"), [("first.pem", "sec1.key"), ("rsa.pem", "rsa.key")], ids=["SEC1", "PKCS#1"])
async def test_http_1_is_served_beside_it_with_older_forms_of_keys(listening, pairs, cert, key):
    async with (
        listening(pairs / cert, pairs / key) as port,
        connected(port) as (reader, writer, _),
    ):
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.read()).endswith(b"finished")


async def test_tls_1_2_is_served_only_where_the_setting_says_so(listening, pairs):
    async with listening(pairs / "first.pem", pairs / "first.key") as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with connected(port, newest=ssl.TLSVersion.TLSv1_2):
                pass
    async with (
        listening(pairs / "first.pem", pairs / "first.key", tls_minimum="1.2") as port,
        connected(port, newest=ssl.TLSVersion.TLSv1_2) as (_, _, tls),
    ):
        assert tls.version() == "TLSv1.2"


async def test_renewed_pair_is_taken_into_use_and_running_requests_finish(listening, pairs, tmp_path):
    cert, key = (tmp_path / "cert.pem", tmp_path / "key.pem")
    shutil.copy(pairs / "first.pem", cert)
    shutil.copy(pairs / "first.key", key)
    async with listening(cert, key, tls_reload=0.05) as port, connected(port) as (reader, writer, _):
        writer.write(b"GET /slow?seconds=1.5 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        await asyncio.sleep(0.1)
        shutil.copy(pairs / "second.pem", cert)
        await asyncio.sleep(0.3)
        assert await common_name(port) == "first", "half a pair was taken into use"
        shutil.copy(pairs / "second.key", key)
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError, ssl.SSLError):  # a handshake may meet the server that ends, see below
                    if await common_name(port) == "second":
                        break
                await asyncio.sleep(0.02)
            assert (await reader.read()).endswith(b"finished")
        key.unlink()
        await asyncio.sleep(0.2)
        assert await common_name(port) == "second"


async def test_handshake_under_way_while_the_pair_is_renewed_is_cut_off(listening, pairs, tmp_path):
    """A known limit: granian, told to stop, finishes requests and drops connections that are not yet encrypted."""
    cert, key = (tmp_path / "cert.pem", tmp_path / "key.pem")
    shutil.copy(pairs / "first.pem", cert)
    shutil.copy(pairs / "first.key", key)
    async with listening(cert, key, tls_reload=0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.2)
        shutil.copy(pairs / "second.pem", cert)
        shutil.copy(pairs / "second.key", key)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            while True:
                with contextlib.suppress(OSError, ssl.SSLError):
                    if await common_name(port) == "second":
                        break
                await asyncio.sleep(0.02)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("cert", "key", "sentence"),
    [
        ("first.pem", "locked.key", "Setting `http.tls_key` must name a key without a pass phrase"),
        ("first.pem", "locked-sec1.key", "Setting `http.tls_key` must name a key without a pass phrase"),
        ("first.pem", "binary.key", "Setting `http.tls_key` must name a private key in PEM, PKCS#8 at best"),
        ("first.pem", "p521.key", "Setting `http.tls_key` must name a key of RSA up to 4096 bits"),
        ("first.pem", "first.pem", "Setting `http.tls_key` must name a private key in PEM, PKCS#8 at best"),
        ("first.pem", "absent.key", "Setting `http.tls_key` must name a readable file (No such file or directory)"),
        ("absent.pem", "first.key", "Setting `http.tls_cert` must name a readable file (No such file or directory)"),
        ("second.pem", "first.key", "Setting `http.tls_cert` must name a certificate in PEM that belongs to"),
        ("first.key", "first.key", "Setting `http.tls_cert` must name a certificate in PEM that belongs to"),
    ],
)
def test_pair_that_cannot_serve_is_refused_with_a_sentence(pairs, cert, key, sentence):
    with pytest.raises(ConfigurationError) as caught:
        TlsFiles(str(pairs / cert), str(pairs / key)).read()
    assert str(caught.value).startswith(sentence)
    assert "PRIVATE" not in str(caught.value)


def test_half_a_pair_is_a_boot_error(boot_problems):
    (problem,) = boot_problems(Slow, tls_cert="cert.pem")
    assert problem.splitlines() == [
        "Setting `http.tls_key` must be set, because `http.tls_cert` is",
        "Hint: set `NESTPY_HTTP__TLS_KEY`, or neither of the two",
    ]
    assert boot_problems(Slow, tls_key="key.pem")[0].startswith("Setting `http.tls_cert` must be set")


def test_pair_is_read_twice_before_it_is_used(pairs, tmp_path):
    cert, key = (tmp_path / "cert.pem", tmp_path / "key.pem")
    shutil.copy(pairs / "first.pem", cert)
    shutil.copy(pairs / "first.key", key)
    files = TlsFiles(str(cert), str(key))
    first = files.read()
    assert files.renewed(first, None) == (None, None)
    shutil.copy(pairs / "second.pem", cert)
    assert files.renewed(first, None) == (None, None), "the two do not belong together yet"
    shutil.copy(pairs / "second.key", key)
    found, seen = files.renewed(first, None)
    assert (found, seen) == (None, files.read())
    assert files.renewed(first, seen) == (files.read(), None)


def test_wrong_pair_ends_the_process_with_78(start_server, pairs):
    served = start_server(
        NESTPY_HTTP__TLS_CERT=str(pairs / "first.pem"), NESTPY_HTTP__TLS_KEY=str(pairs / "locked.key")
    )
    assert served.ended() == 78
    assert "must name a key without a pass phrase" in served.text
