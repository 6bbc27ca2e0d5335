"""Certificates for tests, made with the real library."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Made:
    """A certificate and its key in every form an admin may have them."""

    certificate_pem: str
    key_pem: str
    encrypted_key_pem: str
    pfx: bytes
    thumbprint_sha1: str


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def new_certificate(
    *, passphrase: str = "passphrase", days: int = 365, key_number: int = 0
) -> Made:
    """A self-signed certificate that ends in `days`, negative if it has; the same for the same."""
    key = _key(key_number)
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ledger365 test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=400))
        .not_valid_after(now + dt.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    locked = BestAvailableEncryption(passphrase.encode())
    return Made(
        certificate.public_bytes(Encoding.PEM).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode(),
        pkcs12.serialize_key_and_certificates(b"test", key, certificate, None, locked),
        certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303
    )
