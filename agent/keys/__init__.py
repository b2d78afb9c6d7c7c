"""Keys and certificates: what signs on a device, and how anybody checks that a key belongs to a role and an identity.

The running agent loads `p256`, `file` or `hsm`, and `credentials`, which never import X.509 code. `chain`, `revocation` and `inspect`
do; they belong to the operations center, to provisioning and to ``dabyl agent check``. This package file imports nothing.

A *signer* is any object with ``kid`` (8 bytes), ``public_der`` (SubjectPublicKeyInfo, DER) and ``sign(data) -> bytes`` (64 bytes).
"""
