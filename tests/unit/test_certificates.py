"""Certificates and client secrets as admins enter them."""

import base64
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import InvalidInput
from portals.certificates import CertificateMaterial, ClientSecretMaterial, Material, read_pem
from portals.entered import (
    CertificateInput,
    ClientSecretInput,
    PortalChange,
    PortalInput,
    read_credential,
)
from tests.builders import make_portal
from tests.certificates import new_certificate

NOW = datetime.now(UTC)
MADE = new_certificate(passphrase="right")
OTHER = new_certificate(passphrase="right", key_number=1)
EXPIRED = new_certificate(passphrase="right", days=-1)
DER = base64.b64decode("".join(MADE.certificate_pem.splitlines()[1:-1]))
PFX = base64.b64encode(MADE.pfx).decode()


def pem(certificate: str | None, key: str | None, passphrase: str | None = None):
    """PEM texts as entered."""
    return CertificateInput(certificate, key, None, passphrase)


def pfx(content: str | bytes, passphrase: str | None = "right"):
    """A PFX file as entered."""
    text = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return CertificateInput(None, None, text, passphrase)


def refused(entered) -> InvalidInput:
    """Why the credential is refused."""
    with pytest.raises(InvalidInput) as caught:
        read_credential(entered, now=NOW)
    return caught.value


def self_signed(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *, begins: timedelta = timedelta(days=-1)
) -> x509.Certificate:
    """A certificate of that key, valid from `begins` after now on."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ledger365 test")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )


def as_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    """The key, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def as_pfx(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None, certificate) -> bytes:
    """A PFX file of what is given."""
    locked = BestAvailableEncryption(b"right")
    return pkcs12.serialize_key_and_certificates(b"test", key, certificate, None, locked)


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OLD_FORM = RSA_KEY.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"right")
).decode()
RSA_CERTIFICATE = self_signed(RSA_KEY).public_bytes(Encoding.PEM).decode()
EC_CERTIFICATE = self_signed(EC_KEY).public_bytes(Encoding.PEM).decode()
SMALL_CERTIFICATE = self_signed(SMALL_KEY).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    "entered",
    [
        pem(MADE.certificate_pem, MADE.key_pem),
        pem(MADE.certificate_pem, MADE.key_pem, "not needed"),
        pem(MADE.certificate_pem, MADE.encrypted_key_pem, "right"),
        pem(MADE.key_pem + MADE.certificate_pem, MADE.key_pem),
        pem(MADE.certificate_pem, MADE.certificate_pem + MADE.key_pem),
        pem(MADE.certificate_pem, MADE.certificate_pem + MADE.encrypted_key_pem, "right"),
        pem("Bag Attributes\n" + MADE.certificate_pem, MADE.key_pem),
        pem(MADE.certificate_pem, "friendlyName: NOT ENCRYPTED\n" + MADE.key_pem),
        pem(MADE.certificate_pem.replace("\n", "\r\n"), MADE.key_pem.replace("\n", "\r\n")),
        pem(MADE.certificate_pem + OTHER.certificate_pem, MADE.key_pem),
        pfx(MADE.pfx),
    ],
)
def test_every_form_of_a_certificate_yields_the_same_material(entered):
    material = read_credential(entered, now=NOW)
    assert isinstance(material, CertificateMaterial)
    assert material.thumbprint_sha1 == MADE.thumbprint_sha1
    assert material.private_key_pem == MADE.key_pem
    assert material.subject == "CN=Ledger365 test"
    assert material.not_before < NOW < material.not_after
    assert material.not_after > NOW + timedelta(days=300)


def test_the_thumbprints_are_those_of_the_certificates_bytes():
    import hashlib

    material = read_pem(MADE.certificate_pem, MADE.key_pem, None, now=NOW)
    assert material.thumbprint_sha1 == hashlib.sha1(DER).hexdigest().upper()  # noqa: S324
    assert material.thumbprint_sha256 == hashlib.sha256(DER).hexdigest().upper()


def test_the_old_form_of_an_encrypted_key_is_read():
    material = read_credential(pem(RSA_CERTIFICATE, OLD_FORM, "right"), now=NOW)
    assert isinstance(material, CertificateMaterial)
    assert material.private_key_pem == as_pem(RSA_KEY)


def test_what_was_read_can_be_read_again():
    material = read_pem(MADE.certificate_pem, MADE.key_pem, None, now=NOW)
    text = material.pem().decode()
    assert read_pem(text, text, None, now=NOW) == material


@pytest.mark.parametrize(
    ("entered", "field", "words"),
    [
        (pem(None, None), "credential.certificate", "missing"),
        (pem("", MADE.key_pem), "credential.certificate", "missing"),
        (pem(MADE.certificate_pem, None), "credential.privateKey", "missing"),
        (pem("rubbish", MADE.key_pem), "credential.certificate", "Thumbprint"),
        (pem(MADE.key_pem, MADE.key_pem), "credential.certificate", "Thumbprint"),
        (pem(MADE.certificate_pem, "rubbish"), "credential.privateKey", "not a PEM"),
        (pem(MADE.certificate_pem, "schlüssel"), "credential.privateKey", "not a PEM"),
        (pem(MADE.certificate_pem, MADE.certificate_pem), "credential.privateKey", "not a PEM"),
        (pem(MADE.certificate_pem, OTHER.key_pem), "credential.privateKey", "does not belong"),
        (pem(MADE.certificate_pem, MADE.encrypted_key_pem), "credential.passphrase", "no pass"),
        (
            pem(MADE.certificate_pem, MADE.encrypted_key_pem, "wrong"),
            "credential.passphrase",
            "cannot be decrypted",
        ),
        (pem(RSA_CERTIFICATE, OLD_FORM), "credential.passphrase", "no passphrase"),
        (pem(RSA_CERTIFICATE, OLD_FORM, "wrong"), "credential.passphrase", "cannot be"),
        (pem(EXPIRED.certificate_pem, EXPIRED.key_pem), "credential.certificate", "expired on"),
        (pem(EC_CERTIFICATE, as_pem(EC_KEY)), "credential.privateKey", "not an RSA key"),
        (pem(EC_CERTIFICATE, MADE.key_pem), "credential.privateKey", "does not belong"),
        (pem(SMALL_CERTIFICATE, as_pem(SMALL_KEY)), "credential.privateKey", "2048 bits"),
        (pfx("not base64!"), "credential.pfx", "not in base64"),
        (pfx("schlüssel"), "credential.pfx", "not in base64"),
        (pfx(b"rubbish"), "credential.passphrase", "cannot be opened"),
        (pfx(MADE.pfx, "wrong"), "credential.passphrase", "cannot be opened"),
        (pfx(MADE.pfx, None), "credential.passphrase", "cannot be opened"),
        (pfx(EXPIRED.pfx), "credential.pfx", "expired on"),
        (pfx(as_pfx(EC_KEY, self_signed(EC_KEY))), "credential.pfx", "not an RSA key"),
        (pfx(as_pfx(None, self_signed(RSA_KEY))), "credential.pfx", "no private key"),
        (pfx(as_pfx(RSA_KEY, None)), "credential.pfx", "Thumbprint"),
        (
            CertificateInput(MADE.certificate_pem, None, PFX, "right"),
            "credential.pfx",
            "Both",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(entered, field, words):
    error = refused(entered)
    assert error.field == field
    assert words in error.message
    assert error.remedy


def test_a_broken_certificate_has_the_code_of_the_catalogue():
    assert refused(pem("rubbish", MADE.key_pem)).code == "certificate_thumbprint_unreadable"


def test_a_certificate_ends_at_the_very_second_that_it_names():
    ends = read_pem(MADE.certificate_pem, MADE.key_pem, None, now=NOW).not_after
    read_pem(MADE.certificate_pem, MADE.key_pem, None, now=ends - timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="expired"):
        read_pem(MADE.certificate_pem, MADE.key_pem, None, now=ends)


def outcome(entered) -> Material | InvalidInput:
    """The material, or why it is refused; any other error is a failure of the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's, of odd certificates
        try:
            return read_credential(entered, now=NOW)
        except InvalidInput as error:
            return error


def damaged(content: bytes, at: int, byte: int) -> bytes:
    """The content with one byte changed."""
    return content[:at] + bytes([byte]) + content[at + 1 :]


def test_a_certificate_of_a_kind_of_key_that_nobody_knows_is_unreadable():
    rsa_encryption = bytes.fromhex("2a864886f70d010101")
    unknown = DER.replace(rsa_encryption, rsa_encryption[:-1] + b"\x3e")
    text = base64.encodebytes(unknown).decode()
    broken = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
    error = refused(pem(broken, MADE.key_pem))
    assert error.code == "certificate_thumbprint_unreadable"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_certificate_with_a_wrong_byte_is_read_or_refused(at, byte):
    text = base64.encodebytes(damaged(DER, at, byte)).decode()
    broken = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
    assert outcome(pem(broken, MADE.key_pem))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, len(MADE.pfx) - 1), st.integers(0, 255))
def test_a_pfx_file_with_a_wrong_byte_is_read_or_refused(at, byte):
    assert outcome(pfx(damaged(MADE.pfx, at, byte)))


@settings(deadline=None)
@given(st.text(max_size=200), st.none() | st.text(max_size=20))
def test_any_text_is_a_credential_or_refused(text, passphrase):
    for entered in (
        pem(MADE.certificate_pem, text, passphrase),
        pem(text, MADE.key_pem, passphrase),
        pfx(text, passphrase),
    ):
        assert isinstance(outcome(entered), InvalidInput)
    assert outcome(ClientSecretInput(text, None, None))


@pytest.mark.parametrize(
    ("value", "expires_at", "field"),
    [
        (" very-secret-value", None, "credential.value"),
        ("very-secret-value\n", None, "credential.value"),
        ("very-secret\x00value", None, "credential.value"),
        ("", None, "credential.value"),
        ("short", None, "credential.value"),
        ("x" * 1025, None, "credential.value"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", None, "credential.value"),
        ("0F8FAD5B-D9CB-469F-A165-70867728950E", None, "credential.value"),
        ("very-secret-value", NOW, "credential.expiresAt"),
        ("very-secret-value", NOW - timedelta(days=1), "credential.expiresAt"),
    ],
)
def test_a_secret_that_cannot_be_one_is_refused(value, expires_at, field):
    error = refused(ClientSecretInput(value, None, expires_at))
    assert error.field == field
    assert error.remedy


def test_a_secret_is_taken_as_it_is():
    value = "abc8Q~very-secret.value_of-Entra"
    entered = ClientSecretInput(value, None, NOW + timedelta(days=1))
    assert read_credential(entered, now=NOW) == ClientSecretMaterial(value)


def shown(thing: object) -> str:
    """All that a log or a traceback would show."""
    chain, error = "", thing if isinstance(thing, BaseException) else None
    while error is not None:
        chain += f"{error!r} {error} {vars(error)} "
        error = error.__cause__ or error.__context__
    return f"{thing!r} {thing} {chain}"


def test_neither_entries_nor_materials_show_what_they_hold():
    secret = ClientSecretInput("very-secret-value", None, None)
    certificate = pem(MADE.certificate_pem, MADE.key_pem, "very-secret")
    portal = make_portal()
    whole = PortalInput(
        portal.name,
        "",
        portal.tenant_id,
        portal.client_id,
        portal.cloud,
        secret,
        frozenset(),
        True,
    )
    key_line = MADE.key_pem.splitlines()[1]
    for thing in (
        secret,
        certificate,
        pfx(MADE.pfx, "very-secret"),
        whole,
        PortalChange(credential=certificate),
        read_credential(secret, now=NOW),
        read_credential(certificate, now=NOW),
    ):
        for hidden in ("very-secret", "PRIVATE", key_line, PFX[:60]):
            assert hidden not in shown(thing)


def test_the_material_names_its_secrets_so_that_they_can_be_struck_out():
    assert ClientSecretMaterial("very-secret-value").secrets() == ("very-secret-value",)
    material = read_pem(MADE.certificate_pem, MADE.key_pem, None, now=NOW)
    assert material.secrets() == (MADE.key_pem,)


@pytest.mark.parametrize(
    "entered",
    [
        ClientSecretInput(" very-secret-value", None, None),
        ClientSecretInput("secret!", None, None),
        ClientSecretInput("very-secret-value", None, NOW),
        pem(MADE.certificate_pem, MADE.encrypted_key_pem, "very-secret"),
        pem(MADE.certificate_pem, "very-secret"),
        pem(MADE.certificate_pem, "-----BEGIN PRIVATE KEY-----\nvery-secret\n"),
        pem(MADE.certificate_pem, OTHER.key_pem, "very-secret"),
        pem(EXPIRED.certificate_pem, EXPIRED.key_pem, "very-secret"),
        pfx("very-secret!"),
        pfx(MADE.pfx, "very-secret"),
    ],
)
def test_errors_do_not_show_what_was_entered(entered):
    text = shown(refused(entered))
    for key in (MADE.key_pem, OTHER.key_pem, EXPIRED.key_pem):
        assert key.splitlines()[1] not in text
    for hidden in ("very-secret", "secret!", "BEGIN PRIVATE"):
        assert hidden not in text


def test_a_certificate_that_is_not_valid_yet_is_refused_but_for_a_clock_that_is_off():
    for begins in (timedelta(minutes=10), timedelta(days=1)):
        later = self_signed(RSA_KEY, begins=begins).public_bytes(Encoding.PEM).decode()
        problem = refused(pem(later, as_pem(RSA_KEY)))
        assert problem.field == "credential.certificate"
        assert "not valid before 20" in problem.message
    soon = self_signed(RSA_KEY, begins=timedelta(minutes=4)).public_bytes(Encoding.PEM).decode()
    assert read_credential(pem(soon, as_pem(RSA_KEY)), now=NOW)
