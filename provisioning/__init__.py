"""From blank hardware to devices with an identity: the certificate authority."""
