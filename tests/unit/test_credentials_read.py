"""Certificates and secrets as admins enter them."""

import base64
from datetime import timedelta

import pytest

from errors import InvalidInput
from portals.certificates import CertificateMaterial, ClientSecretMaterial
from portals.model import checked_name
from portals.service import CertificateInput, ClientSecretInput, read_credential
from tests.certificates import new_certificate

MADE = new_certificate(passphrase="right")


def now():
    """A moment when the test's certificates are valid."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


@pytest.mark.parametrize(
    "entered",
    [
        CertificateInput(MADE.certificate_pem, MADE.key_pem, None, None),
        CertificateInput(MADE.certificate_pem, MADE.key_pem, None, "not needed"),
        CertificateInput(MADE.certificate_pem, MADE.encrypted_key_pem, None, "right"),
        CertificateInput(MADE.key_pem + MADE.certificate_pem, MADE.key_pem, None, None),
        CertificateInput(None, None, base64.b64encode(MADE.pfx).decode(), "right"),
    ],
)
def test_every_form_of_a_certificate_yields_the_same_material(entered):
    material = read_credential(entered, now=now())
    assert isinstance(material, CertificateMaterial)
    assert material.thumbprint_sha1 == MADE.thumbprint_sha1
    assert material.private_key_pem == MADE.key_pem
    assert material.not_after > now() + timedelta(days=300)


def test_materials_do_not_show_what_they_hold():
    secret = ClientSecretMaterial("very-secret-value")
    certificate = read_credential(
        CertificateInput(MADE.certificate_pem, MADE.key_pem, None, None), now=now()
    )
    for shown in (repr(secret), str(secret), f"{secret}", repr(certificate), f"{certificate}"):
        assert "very-secret" not in shown
        assert "PRIVATE" not in shown


def test_errors_do_not_show_what_was_entered():
    for entered in (
        ClientSecretInput(" very-secret-value", None, None),
        CertificateInput(MADE.certificate_pem, MADE.encrypted_key_pem, None, "very-secret"),
        CertificateInput(None, None, "very-secret!", None),
    ):
        with pytest.raises(InvalidInput) as refused:
            read_credential(entered, now=now())
        assert "very-secret" not in f"{refused.value} {refused.value.remedy}"


@pytest.mark.parametrize("name", ["Contoso", " Contoso ", "Zoë 🦊 & Co.", "50 %", "x" * 100])
def test_printable_names_are_taken_without_blanks_at_their_ends(name):
    assert checked_name(name) == name.strip()


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "a\\b", "a#b", "a?b", "a\x00b", "a\u200eb", "x" * 101]
)
def test_names_that_cannot_be_keys_or_directories_are_refused(name):
    with pytest.raises(InvalidInput) as refused:
        checked_name(name)
    assert refused.value.field == "name"
