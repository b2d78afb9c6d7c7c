"""Enrolment over the network: an EST server (RFC 7030) that gives devices their certificates, once by claim, then by the one they have.

Start at `provisioning.enrolment.office.Office` for the decisions, `provisioning.enrolment.server` for HTTPS. This package file imports
nothing.
"""
