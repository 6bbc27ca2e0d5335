"""Reads certificates with their private keys, and secrets' shapes: no I/O."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import InvalidInput

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MIN_RSA_BITS = 2048
# Certificates made a moment ago elsewhere may begin in our future.
CLOCK_SKEW = timedelta(minutes=5)
_PEM_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# PKCS 8, and the older form of OpenSSL
_ENCRYPTED_KEY = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED", re.M)


class ClientSecretMaterial(
    msgspec.Struct, frozen=True, tag="client_secret", repr_omit_defaults=True
):
    """The value of a client secret. Its representation does not show it."""

    value: str

    def __repr__(self) -> str:
        return "ClientSecretMaterial(…)"

    def secrets(self) -> tuple[str, ...]:
        """The texts that must appear nowhere."""
        return (self.value,)


class CertificateMaterial(msgspec.Struct, frozen=True, tag="certificate"):
    """A certificate and its private key (PKCS 8, PEM, unencrypted). Nothing of it is shown."""

    certificate_pem: str
    private_key_pem: str
    subject: str
    thumbprint_sha1: str
    thumbprint_sha256: str
    not_before: datetime
    not_after: datetime

    def __repr__(self) -> str:
        return f"CertificateMaterial({self.thumbprint_sha1})"

    def pem(self) -> bytes:
        """Key and certificate together, as azure-identity takes them."""
        return f"{self.private_key_pem}\n{self.certificate_pem}".encode()

    def secrets(self) -> tuple[str, ...]:
        """The texts that must appear nowhere."""
        return (self.private_key_pem,)


class _RefreshToken(msgspec.Struct):
    secret: str = ""


class _TokenCache(msgspec.Struct):
    refresh_tokens: dict[str, _RefreshToken] = msgspec.field(name="RefreshToken", default={})


class DelegatedMaterial(msgspec.Struct, frozen=True, tag="delegated"):
    """What a portal for which somebody signed in needs: MSAL's token cache, and the secret
    of the app registration unless that is a public client. Nothing of it is shown.

    `secret_name` and `secret_version` say where it was read, so that a renewed
    refresh token finds its way back; both are empty in the vault.
    """

    client_secret: str | None = None
    token_cache: str = ""
    secret_name: str = ""
    secret_version: str = ""

    def __repr__(self) -> str:
        return "DelegatedMaterial(…)"

    def secrets(self) -> tuple[str, ...]:
        """The texts that must appear nowhere."""
        return (*filter(None, (self.client_secret,)), *self.refresh_tokens())

    def refresh_tokens(self) -> tuple[str, ...]:
        """The refresh tokens in the cache; none before somebody has signed in."""
        if not self.token_cache:
            return ()
        cache = msgspec.json.decode(self.token_cache, type=_TokenCache)
        return tuple(token.secret for token in cache.refresh_tokens.values() if token.secret)


Material = ClientSecretMaterial | CertificateMaterial | DelegatedMaterial


def read_pem(
    certificate: str, private_key: str, passphrase: str | None, *, now: datetime
) -> CertificateMaterial:
    """Certificate and key from PEM texts; the key may be encrypted, and may stand in either.

    Raises InvalidInput naming the field.
    """
    from cryptography import x509

    found = _PEM_CERTIFICATE.search(certificate)
    if found is None:
        raise _thumbprint_unreadable("credential.certificate")
    try:
        parsed = x509.load_pem_x509_certificate(found.group().encode())
    except (ValueError, x509.InvalidVersion) as error:
        raise _thumbprint_unreadable("credential.certificate") from error
    key = _pem_key(private_key, passphrase)
    return _material(parsed, key, now, "credential.certificate", "credential.privateKey")


def read_pfx(pfx: str, passphrase: str | None, *, now: datetime) -> CertificateMaterial:
    """Certificate and key from a PFX (PKCS 12) file in base64.

    Raises InvalidInput naming the field.
    """
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        content = base64.b64decode(pfx, validate=True)
    except ValueError as error:
        raise InvalidInput(
            "credential.pfx",
            "The PFX file is not in base64.",
            remedy="Send the file's bytes in base64, without line breaks.",
        ) from error
    try:
        key, parsed, _ = pkcs12.load_key_and_certificates(
            content, passphrase.encode() if passphrase else None
        )
    except ValueError as error:
        raise InvalidInput(
            "credential.passphrase",
            "The PFX file cannot be opened: the passphrase is wrong, or the file is broken.",
            remedy="Correct the passphrase, or export the PFX file again.",
        ) from error
    # without its key, a certificate counts as one of the chain, and none is found
    private_key = _rsa(key, "credential.pfx")
    if parsed is None:
        raise _thumbprint_unreadable("credential.pfx")
    return _material(parsed, private_key, now, "credential.pfx", "credential.pfx")


def _pem_key(private_key: str, passphrase: str | None) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = _ENCRYPTED_KEY.search(private_key) is not None
    if encrypted and not passphrase:
        raise InvalidInput(
            "credential.passphrase",
            "The private key is encrypted, and no passphrase was given.",
            remedy="Give the passphrase of the private key.",
        )
    try:
        key = load_pem_private_key(
            private_key.encode(), passphrase.encode() if encrypted and passphrase else None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise InvalidInput(
                "credential.passphrase",
                "The private key cannot be decrypted with this passphrase.",
                remedy="Correct the passphrase, or export the key again.",
            ) from error
        raise InvalidInput(
            "credential.privateKey",
            "The private key is not a PEM private key.",
            remedy="Send the key with its BEGIN and END lines.",
        ) from error
    return _rsa(key, "credential.privateKey")


def _rsa(key: object, field: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if key is None:
        raise InvalidInput(
            field, "There is no private key.", remedy="Export the certificate with its private key."
        )
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_RSA_BITS:
        raise InvalidInput(
            field,
            f"The private key is not an RSA key of at least {MIN_RSA_BITS} bits.",
            remedy="Create a certificate with an RSA key of 2048 bits or more, as Entra wants.",
        )
    return key


def _material(
    certificate: x509.Certificate,
    key: RSAPrivateKey,
    now: datetime,
    certificate_field: str,
    key_field: str,
) -> CertificateMaterial:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        # both are parsed only now, and a broken certificate may fail in either
        public_key = certificate.public_key().public_bytes(*spki)
        subject = certificate.subject.rfc4514_string()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _thumbprint_unreadable(certificate_field) from error
    if public_key != key.public_key().public_bytes(*spki):
        raise InvalidInput(
            key_field,
            "The private key does not belong to the certificate.",
            remedy="Send the key with which the certificate was made.",
        )
    if certificate.not_valid_after_utc <= now:
        raise InvalidInput(
            certificate_field,
            f"The certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}.",
            remedy="Create a new certificate, and upload it to the app registration too.",
        )
    if certificate.not_valid_before_utc > now + CLOCK_SKEW:
        raise InvalidInput(
            certificate_field,
            f"The certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}"
            " UTC.",
            remedy="Wait until then, or create a certificate that is valid now.",
        )
    return CertificateMaterial(
        certificate_pem=certificate.public_bytes(Encoding.PEM).decode(),
        private_key_pem=key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
        subject=subject,
        # Entra and its portal name certificates by this thumbprint
        thumbprint_sha1=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303
        thumbprint_sha256=certificate.fingerprint(hashes.SHA256()).hex().upper(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _thumbprint_unreadable(field: str) -> InvalidInput:
    return InvalidInput(
        field,
        "Thumbprint from public key could not be read.",
        remedy="Add the certificate again, as PEM with its BEGIN and END lines, or as PFX.",
        code="certificate_thumbprint_unreadable",
    )
