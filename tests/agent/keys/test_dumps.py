"""Whoever holds a key or a passphrase writes no core file."""

import resource
from collections.abc import Callable

import pytest

from agent.enrolment import cli as enrolment
from provisioning import authority_cli
from provisioning.cli import main as provisioning


@pytest.mark.parametrize(
    "command",
    [
        lambda: authority_cli.main(["--help"]),
        lambda: provisioning.main(["--help"]),
        lambda: enrolment.run("enrol", "/none.toml", {}),
        lambda: enrolment.run("renew", "/none.toml", {}),
    ],
)
def test_commands_that_hold_keys_write_no_core_file(command: Callable[[], object]) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        command()
        assert resource.getrlimit(resource.RLIMIT_CORE) == (0, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
