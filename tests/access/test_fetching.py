"""Reading a JWKS over real HTTP that may fail, hang, drip, flood or lead astray: it ends, within bounds, and leads nowhere else."""

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.access.provider import Behaviour, Provider, response, running_provider
from trailcast.fetching import REDIRECTS_MAX, Unreadable, fetch


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as provider:
        yield provider


BYTES_MAX = 4096


def script(*parts: bytes, again: bytes = b"") -> Behaviour:
    """Answers with these bytes, and then for ever with the last."""

    async def behave(_path: str, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        while again:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0.002)

    return behave


OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS: Mapping[str, Behaviour] = {
    "with a length": script(response("200 OK", '{"keys": []}')),
    "in chunks": script(OK + b'transfer-encoding: chunked\r\n\r\n6\r\n{"keys', b'\r\n6\r\n": []}\r\n0\r\n\r\n'),
    "until the end": script(OK + b'\r\n{"keys', b'": []}'),
}
FAILURES: Mapping[str, tuple[Behaviour, str]] = {
    "an error": (script(response("404 Not Found", "{}")), "the answer has status 404"),
    "no content": (script(b"HTTP/1.1 204 No Content\r\n\r\n"), "the answer has status 204"),
    "silence": (script(b"", again=b""), "the answer has status 0"),
    "no HTTP": (script(b"SSH-2.0-OpenSSH_9.2\r\n"), "HttpParser"),
    "a drip of headers": (script(OK, again=b"a: b\r\n"), "there was no whole answer within|larger than"),
    "a drip of a body": (script(OK + b"content-length: 4000\r\n\r\n", again=b"1"), "there was no whole answer within"),
    "a flood": (script(OK + b"\r\n", again=b"1" * 2000), "it is larger than 4096 bytes"),
    "a flood of headers": (script(OK, again=b"a: %b\r\n" % (b"1" * 2000)), "it is larger than 4096 bytes"),
    "an announced flood": (script(response("200 OK", "1" * 5000)), "it is larger than 4096 bytes"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_document_is_read_however_it_is_framed(provider: Provider, case: str) -> None:
    provider.behaviour = ANSWERS[case]
    assert await fetch(f"{provider.url}/keys?tenant=acme", timeout_s=10, bytes_max=BYTES_MAX) == b'{"keys": []}'
    assert provider.requests == ["/keys?tenant=acme"]


@pytest.mark.parametrize("case", FAILURES)
async def test_reading_ends_whatever_the_other_side_does(provider: Provider, case: str) -> None:
    provider.behaviour, said = FAILURES[case]
    timeout_s = 0.2 if "drip" in case else 20
    with pytest.raises(Unreadable, match=said):
        await fetch(provider.url, timeout_s=timeout_s, bytes_max=BYTES_MAX)
    assert provider.requests == ["/"]


async def test_nobody_there_is_a_failure() -> None:
    with pytest.raises(Unreadable, match="ConnectionRefusedError"):
        await fetch("http://127.0.0.1:1/keys", timeout_s=20, bytes_max=BYTES_MAX)


def redirecting(location: str, times: int) -> Behaviour:
    """So many times, then the keys."""
    left = iter(range(times))

    async def behave(_path: str, writer: asyncio.StreamWriter) -> None:
        if next(left, None) is None:
            writer.write(response("200 OK", "{}"))
        else:
            writer.write(response("307 Temporary Redirect", "", f"location: {location}"))

    return behave


@pytest.mark.parametrize(("times", "reached"), [(1, True), (REDIRECTS_MAX, True), (REDIRECTS_MAX + 1, False)])
async def test_redirects_are_followed_up_to_a_bound(provider: Provider, times: int, *, reached: bool) -> None:
    provider.behaviour = redirecting("/elsewhere", times)
    if reached:
        assert await fetch(provider.url, timeout_s=20, bytes_max=BYTES_MAX) == b"{}"
    else:
        with pytest.raises(Unreadable, match="redirects more than 3 times"):
            await fetch(provider.url, timeout_s=20, bytes_max=BYTES_MAX)
    assert provider.requests == ["/", *["/elsewhere"] * min(times, REDIRECTS_MAX)]


@pytest.mark.parametrize(
    "location", ["http://192.0.2.1/", "file:///etc/passwd", "ftp://localhost/", "//192.0.2.1", "http://[", ""]
)
async def test_redirect_to_where_keys_are_not_taken_from_is_refused(provider: Provider, location: str) -> None:
    provider.behaviour = redirecting(location, 10)
    with pytest.raises(Unreadable, match=r"redirects|Invalid IPv6"):
        await fetch(provider.url, timeout_s=20, bytes_max=BYTES_MAX)
    assert set(provider.requests) == {"/"}


def certificate(folder: Path) -> Path:
    """A self-signed one for the loopback, with its key."""
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    path = folder / "provider.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


async def test_https_counts_with_a_trusted_certificate_only_and_never_leads_to_http(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    async with running_provider(tls) as secure:
        address = f"{secure.url}/keys"
        with pytest.raises(Unreadable, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(address, timeout_s=20, bytes_max=65_536)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert json.loads(await fetch(address, timeout_s=20, bytes_max=65_536)) == {"keys": secure.keys}
        with pytest.raises(Unreadable, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(address.replace("127.0.0.1", "localhost"), timeout_s=20, bytes_max=65_536)
        secure.behaviour = redirecting(f"{provider.url}/keys", 1)
        with pytest.raises(Unreadable, match="redirects to an address that keys are not taken from"):
            await fetch(address, timeout_s=20, bytes_max=65_536)
    assert provider.requests == []
