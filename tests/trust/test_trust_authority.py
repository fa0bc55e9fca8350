"""The authority vouches for whoever proves to hold a key, and for nothing it was not asked for."""

import socket
import ssl
import threading
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from factories import NOON
from vedette.errors import Denied, Invalid, Unavailable
from vedette.trust.authority import LONGEST_LIFE, Authority
from vedette.trust.keys import (
    certificate_fingerprint,
    checked_fingerprint,
    fetch_authority,
    key_fingerprint,
    make_csr,
    make_key,
    write_key,
)

AUTHORITY = Authority.make(now=NOON)


SHA256 = hashes.SHA256()


def csr_of(key, name="x", *, algorithm=SHA256):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, algorithm).public_bytes(Encoding.PEM)


def issue(name="edge-7", csr=None, **more):
    csr = csr or make_csr(make_key(), name)
    return AUTHORITY.issue_agent(csr, name, now=NOON, **more)


def client_verifier(now=NOON, authority=AUTHORITY):
    store = Store([x509.load_pem_x509_certificate(authority.pem)])
    return PolicyBuilder().store(store).time(now).build_client_verifier()


def names_of(certificate):
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


def test_an_agents_certificate_says_who_it_is_and_that_it_is_a_client():
    key = make_key()
    issued = issue(csr=make_csr(key, "edge-7"))
    certificate = x509.load_pem_x509_certificate(issued.pem)
    [common_name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "edge-7"
    uris = names_of(certificate).get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == ["vedette:agent:edge-7"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert issued.not_after == NOON + timedelta(days=7)
    assert issued.key_fingerprint == key_fingerprint(make_csr(key, "other"))
    assert issued.serial == f"{certificate.serial_number:x}"


def test_a_verifier_as_strict_as_the_web_accepts_it_and_no_other_authoritys():
    certificate = x509.load_pem_x509_certificate(issue().pem)
    client_verifier().verify(certificate, [])
    with pytest.raises(VerificationError):
        client_verifier(authority=Authority.make(now=NOON)).verify(certificate, [])
    with pytest.raises(VerificationError):
        client_verifier(now=NOON + timedelta(days=8)).verify(certificate, [])


def test_a_client_is_no_agent():
    issued = AUTHORITY.issue_client(make_csr(make_key(), "grafana"), "grafana", now=NOON)
    certificate = x509.load_pem_x509_certificate(issued.pem)
    uris = names_of(certificate).get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == ["vedette:client:grafana"]


def test_the_request_does_not_choose_its_name():
    issued = issue("edge-7", csr_of(ec.generate_private_key(ec.SECP256R1()), "admin"))
    certificate = x509.load_pem_x509_certificate(issued.pem)
    assert certificate.subject.rfc4514_string() == "CN=edge-7"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
        (ed25519.Ed25519PrivateKey.generate(), None),
    ],
)
def test_keys_of_good_kinds_are_taken(key, algorithm):
    client_verifier().verify(
        x509.load_pem_x509_certificate(issue(csr=csr_of(key, algorithm=algorithm)).pem), []
    )


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
    ],
    ids=["rsa", "p521", "k1"],
)
def test_keys_of_other_kinds_are_refused(key):
    with pytest.raises(Invalid, match="of a kind we do not take"):
        issue(csr=csr_of(key))


def test_a_request_not_signed_with_its_own_key_is_refused():
    der = x509.load_pem_x509_csr(make_csr(make_key(), "x")).public_bytes(Encoding.DER)
    other = x509.load_pem_x509_csr(make_csr(make_key(), "x"))
    mine = x509.load_der_x509_csr(der)
    forged = der.replace(_point(mine), _point(other))
    pem = x509.load_der_x509_csr(forged).public_bytes(Encoding.PEM)
    with pytest.raises(Invalid, match="not signed with its own key"):
        issue(csr=pem)


def _point(request):
    from cryptography.hazmat.primitives.serialization import PublicFormat

    return request.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.mark.parametrize(
    "pem", [b"", b"\0" * 100, b"-----BEGIN CERTIFICATE REQUEST-----\n", b"x" * 20_000]
)
def test_rubbish_is_no_request(pem):
    with pytest.raises(Invalid, match="certificate request"):
        AUTHORITY.issue_agent(pem, "edge-7", now=NOON)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "a/b", "..", "ü", "x" * 65])
def test_a_name_that_is_none_gets_no_certificate(name):
    with pytest.raises(Invalid, match="name"):
        AUTHORITY.issue_agent(make_csr(make_key(), "x"), name, now=NOON)


def test_no_certificate_lasts_longer_than_its_authority_or_than_it_may():
    late = AUTHORITY.not_after - timedelta(days=1)
    issued = AUTHORITY.issue_agent(make_csr(make_key(), "x"), "x", now=late)
    assert issued.not_after == AUTHORITY.not_after
    with pytest.raises(Invalid):
        issue(valid_for=LONGEST_LIFE + timedelta(days=1))
    with pytest.raises(Invalid):
        issue(valid_for=timedelta(0))


def test_an_authority_comes_back_from_what_was_kept_of_it():
    again = Authority.from_pem(AUTHORITY.pem, AUTHORITY.key_pem)
    assert again.fingerprint == AUTHORITY.fingerprint
    with pytest.raises(Invalid, match="do not belong together"):
        Authority.from_pem(AUTHORITY.pem, Authority.make().key_pem)


def test_a_servers_certificate_is_for_its_hosts_and_for_the_name_all_clients_check():
    chain, _ = AUTHORITY.issue_server(["127.0.0.1", "::1", "server.example.org"], now=NOON)
    server, authority = x509.load_pem_x509_certificates(chain)
    assert certificate_fingerprint(authority) == AUTHORITY.fingerprint
    names = names_of(server)
    assert names.get_values_for_type(x509.DNSName) == ["vedette.server", "server.example.org"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert server.not_valid_after_utc == NOON + timedelta(days=30)
    # An agent a day behind must not think that it is not valid yet.
    assert server.not_valid_before_utc <= NOON - timedelta(days=1)


def test_a_fingerprint_is_read_as_people_paste_it():
    bare = "0f" * 32
    for text in (bare, f"sha256:{bare}", bare.upper(), ":".join(["0F"] * 32), f" {bare}\n"):
        assert checked_fingerprint(text) == f"sha256:{bare}"
    for text in ("", "sha256:", "0f" * 31, "zz" * 32):
        with pytest.raises(Invalid, match="64 hexadecimal digits"):
            checked_fingerprint(text)


def test_a_key_is_kept_private(tmp_path):
    path = tmp_path / "agent.key"
    write_key(path, make_key())
    write_key(path, make_key())
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["agent.key"]


@pytest.fixture
def tls_server(tmp_path):
    """A TLS server with a certificate of the authority, shaking hands until the test ends."""
    chain, key = AUTHORITY.issue_server(["127.0.0.1"])
    (tmp_path / "chain.pem").write_bytes(chain)
    write_key(tmp_path / "key.pem", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_the_authority_is_found_by_its_fingerprint(tls_server):
    assert fetch_authority("127.0.0.1", tls_server, AUTHORITY.fingerprint) == AUTHORITY.pem


def test_a_server_of_another_authority_is_not_trusted(tls_server):
    with pytest.raises(Denied, match="someone may sit in between"):
        fetch_authority("127.0.0.1", tls_server, Authority.make().fingerprint)


def test_the_servers_own_certificate_is_not_taken_for_an_authority(tls_server):
    chain = ssl.get_server_certificate(("127.0.0.1", tls_server)).encode()
    leaf = certificate_fingerprint(x509.load_pem_x509_certificate(chain))
    with pytest.raises(Denied):
        fetch_authority("127.0.0.1", tls_server, leaf)


def test_nobody_at_the_address_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match="no TLS server answers"):
        fetch_authority("127.0.0.1", port, AUTHORITY.fingerprint)
