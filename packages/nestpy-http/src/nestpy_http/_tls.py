"""Reads the certificate and the key, checks what the server would not, and notices when they were renewed."""

from __future__ import annotations

import binascii
import contextlib
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nestpy_core.errors import ConfigurationError

if TYPE_CHECKING:
    from ._config import HttpConfig

_KEY = re.compile(
    rb"^-----BEGIN (RSA |EC |)PRIVATE KEY-----$(.*?)^-----END \1PRIVATE KEY-----", re.MULTILINE | re.DOTALL
)
_LOCKED = re.compile(rb"^-----BEGIN ENCRYPTED PRIVATE KEY-----\s*$|^Proc-Type: 4,ENCRYPTED\s*$", re.MULTILINE)

_KINDS = (
    bytes.fromhex("06092a864886f70d010101"),  # rsaEncryption
    bytes.fromhex("06082a8648ce3d030107"),  # P-256
    bytes.fromhex("06052b81040022"),  # P-384
    bytes.fromhex("06032b6570"),  # Ed25519
)
"""The kinds of keys that granian takes, as object identifiers in DER; on any other it ends the process."""
_LONGEST = 2500
"""Bytes: an RSA key of 4096 bits takes 2376, and on a longer one granian ends the process too."""


def half_pair(config: HttpConfig) -> ConfigurationError | None:
    """Return the problem of a certificate without a key, or of a key without a certificate."""
    given, absent = ("cert", "key") if config.tls_cert else ("key", "cert")
    if bool(config.tls_cert) == bool(config.tls_key):
        return None
    return ConfigurationError(
        f"http.tls_{absent}",
        f"must be set, because `http.tls_{given}` is",
        hints=(f"set `NESTPY_HTTP__TLS_{absent.upper()}`, or neither of the two",),
    )


class Pair(NamedTuple):
    """What the two files held at one moment."""

    cert: bytes
    key: bytes


class TlsFiles:
    """The certificate chain and the private key of a server.

    Attributes:
        cert: the chain, in PEM.
        key: the private key, in PEM and without a pass phrase.
    """

    def __init__(self, cert: str, key: str) -> None:
        self.cert = Path(cert)
        self.key = Path(key)

    @classmethod
    def of(cls, config: HttpConfig) -> TlsFiles | None:
        """Return the files that *config* names, or None.

        Raises:
            ConfigurationError: it names only one.
        """
        problem = half_pair(config)
        if problem is not None:
            raise problem
        return cls(config.tls_cert, config.tls_key) if config.tls_cert else None

    def read(self) -> Pair:
        """Return what the files hold, once they are known to serve.

        granian ends the process on a key that it cannot read, so that it never gets one.

        Raises:
            ConfigurationError: a file is unreadable, the key has a pass phrase, or the two do not belong together.
        """
        pair = Pair(_content(self.cert, "http.tls_cert"), _content(self.key, "http.tls_key"))
        if _LOCKED.search(pair.key):
            raise ConfigurationError(
                "http.tls_key",
                "must name a key without a pass phrase",
                hints=("decrypt it with `openssl pkcs8 -topk8 -nocrypt` into a file that only the service reads",),
            )
        _check_kind(pair.key)
        try:
            # A pass phrase is given so that OpenSSL never asks the terminal for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self.key, password="")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or type(error).__name__
            raise ConfigurationError(
                "http.tls_cert", f"must name a certificate in PEM that belongs to `http.tls_key` ({reason})"
            ) from error
        return pair

    def renewed(self, current: Pair, seen: Pair | None) -> tuple[Pair | None, Pair | None]:
        """Compare the files with the pair in use.

        Args:
            current: the pair in use.
            seen: another pair that the last look found.

        Returns:
            The pair to use from now on, once two looks found the same one; and what this look found.
        """
        found = None
        with contextlib.suppress(ConfigurationError):  # a half-written pair keeps the old one
            found = self.read()
        if found is None or found == current:
            return None, None
        return (found, None) if found == seen else (None, found)


def _check_kind(key: bytes) -> None:
    found = _KEY.search(key.replace(b"\r\n", b"\n"))
    if found is None:
        raise ConfigurationError(
            "http.tls_key",
            "must name a private key in PEM, PKCS#8 at best",
            hints=("convert it with `openssl pkcs8 -topk8 -nocrypt`",),
        )
    form, text = found.groups()
    try:
        content = binascii.a2b_base64(text)
    except binascii.Error:
        content = b""
    if len(content) > _LONGEST or (form != b"RSA " and not any(kind in content for kind in _KINDS)):
        raise ConfigurationError(
            "http.tls_key",
            "must name a key of RSA up to 4096 bits, P-256, P-384 or Ed25519",
            hints=("make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`",),
        )


def _content(file: Path, setting: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(setting, f"must name a readable file ({error.strerror})") from error
