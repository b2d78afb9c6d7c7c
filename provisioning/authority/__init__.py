"""The certificate authority: a root and an issuing authority in a directory, certificates for keys made elsewhere, revocation.

Start at `provisioning.authority.authority.Authority`. This package file imports nothing.
"""
