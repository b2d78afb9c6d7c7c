"""The device's side of enrolment: its first certificate by claim, and each later one by the one it has. EST (RFC 7030) over HTTPS.

Not part of the running agent, which starts it as a process of its own when its certificate is due. This package file imports nothing.
"""
