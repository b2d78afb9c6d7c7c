"""A running agent renews its certificate over a real enrolment server, tried at a real broker, and stays reachable all the while."""

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.keys import credentials
from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from agent.wire import cose
from provisioning.authority.authority import Authority
from provisioning.authority.identity import make_identity
from provisioning.enrolment.office import Office, Policy
from provisioning.enrolment.server import Server, context
from provisioning.inventory.inventory import Inventory
from provisioning.inventory.record import Device
from tests.integration.ground import Button, Ground, now_ms
from tests.integration.processes import until

DAY_MS = 86_400_000


@dataclasses.dataclass
class Renewing:
    """Devices whose certificates are due, and the server that renews them."""

    ground: Ground
    port: int
    inventory: Path

    def button(self, age_days: int) -> Button:
        """A device with a certificate of 90 days that was issued so long ago."""
        made = self.ground.button(
            more=f'[enrolment]\nserver = "https://127.0.0.1:{self.port}"\nca = "{self.ground.site.root}"\n'
        )
        with Inventory(self.inventory) as inventory:
            inventory.plan([Device(made.name, "sos-button")], now_ms())
        identity = made.device.identity
        request = certificate_request(FileKey.load(str(identity.key)), made.name)
        chain = self.ground.site.authority.issue_device(request, made.name, now_ms() - age_days * DAY_MS, 90).chain_pem
        identity.chain.write_text(chain)
        return made


def kid_of(button: Button) -> bytes:
    return FileKey.load(str(button.device.identity.key)).kid


def signed_by(ground: Ground, button: Button) -> set[Any]:
    """The keys that signed the device's events, as they came over the broker: the first, that it has booted, is of the old one."""
    topics = {f"dabyl/v1/{button.name}/{leaf}" for leaf in ("alarm", "event")}
    return {cose.parse(heard.payload).headers[cose.KID] for heard in list(ground.ear.heard) if heard.topic in topics}


@pytest.fixture(scope="module", params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "nats"])
def running_ground(request: pytest.FixtureRequest, short_path: Path) -> Iterator[Ground]:
    """A site whose authority is old enough to have issued certificates that are due."""
    create = Authority.create

    def long_ago(directory: Path, name: str, at_ms: int) -> Authority:
        return create(directory, name, at_ms - 200 * DAY_MS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Authority, "create", long_ago)
        made = Ground(short_path / request.param, request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def renewing(running_ground: Ground) -> Iterator[Renewing]:
    site = running_ground.site
    files = make_identity(
        site.directory / "enrol", site.authority, "enrolment", "enrol-1", now_ms(), hosts=["127.0.0.1"]
    )
    inventory = site.directory / "inventory.db"
    Inventory(inventory).close()
    office = Office(site.authority, inventory, Policy(days=90, grace_days=30), now_ms)
    tls = context(files.chain, files.key, site.authority.root_pem + site.authority.issuing_pem)
    with Server("127.0.0.1", 0, tls, office) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield Renewing(running_ground, server.server_address[1], inventory)
        server.shutdown()
        thread.join()


def test_a_due_certificate_is_renewed_while_the_agent_runs(ground: Ground, renewing: Renewing) -> None:
    button, fresh = renewing.button(age_days=70), renewing.button(age_days=10)
    stranger = renewing.button(age_days=70)
    late = renewing.button(age_days=100)
    # The stranger has a new pair waiting that no broker believes; the server would give it none, for it is asked only afterwards.
    other = make_identity(
        ground.site.directory / "stranger",
        Authority.create(ground.site.directory / "stranger-ca", "Stranger", now_ms()),
        "device",
        stranger.name,
        now_ms(),
    )
    for source, target in ((other.key, stranger.device.identity.key), (other.chain, stranger.device.identity.chain)):
        source.rename(f"{target}.new")
    before = {one.name: kid_of(one) for one in (button, fresh, stranger, late)}
    for one in (button, fresh, stranger):
        one.start()
        one.press_and_wait()
    late.start(linked=False)
    late.press_and_wait()  # signed with a key whose certificate has ended

    until(lambda: kid_of(button) != before[button.name], "the key is a new one", button.agent)
    button.agent.wait_said(message="the certificate was renewed")
    button.press_and_wait()
    button.wait_presses_verified()

    both = {before[button.name], kid_of(button)}
    until(lambda: signed_by(ground, button) == both, "both keys have signed", button.agent)

    late.agent.wait_said(message="the certificate was renewed")
    late.press_and_wait()
    late.wait_presses_verified()

    stranger.agent.wait_said(message="the new certificate is not used yet; it is tried again")
    stranger.press_and_wait()
    stranger.wait_presses_verified()

    for one in (fresh, stranger, late):
        assert kid_of(one) == before[one.name]
    for one in (button, late):
        chain = credentials.load_chain(str(one.device.identity.chain))
        credentials.check_leaf(chain, FileKey.load(str(one.device.identity.key)).public_der, "it")
        assert len(one.runs) == 1
        assert not list(one.device.identity.key.parent.glob("*.new"))
    assert button.agent.running
