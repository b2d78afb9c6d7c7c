"""What is wrong on the laptop is found before any board is touched, and said in the person's language."""

import contextlib
import pathlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from provisioning.authority.authority import Authority
from provisioning.authority.errors import PassphraseError
from provisioning.authority.identity import IdentityFiles, make_identity
from provisioning.bench import opened
from provisioning.cli.main import main
from provisioning.errors import InputError, ProvisionError

DAY_MS = 86_400_000
PASSPHRASE = "қыс-2026"


class Laptop:
    """An installation with an authority and the laptop's own certificate; the broker's is as old as asked for."""

    def __init__(self, folder: pathlib.Path, *, passphrase: str | None = None, broker_age_days: int = 0) -> None:
        self.folder = folder
        now_ms = time.time_ns() // 1_000_000
        born_ms = now_ms - broker_age_days * DAY_MS
        authority = Authority.create(folder / "ca", "Test", born_ms, passphrase=passphrase)
        self.broker = make_identity(
            folder / "broker", authority, "broker", "b-1", born_ms, days=2, hosts=("127.0.0.1",)
        )
        make_identity(folder / "listener", authority, "consumer", "installer-1", now_ms)
        self.file = folder / "installation.toml"

    def write(self, port: int, more: str = "") -> pathlib.Path:
        self.file.touch(0o600)
        self.file.write_text(
            f'{more}\n[[broker]]\nhost = "127.0.0.1"\nport = {port}\n[[wifi]]\nssid = "w"\nkey = "geheimgeheim"\n'
        )
        return self.file


@pytest.fixture
def port() -> Iterator[int]:
    """One where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def key_of(file: pathlib.Path) -> str:
    with pytest.raises(ProvisionError) as caught, opened(file, None):
        pytest.fail("it opened")
    return caught.value.key


def test_a_broker_that_is_away_is_named(tmp_path: pathlib.Path, port: int) -> None:
    assert key_of(Laptop(tmp_path).write(port)) == "broker-away"


def key_at(laptop: Laptop, broker: IdentityFiles) -> str:
    """The trouble with a broker that has this certificate, and at whose handshake the laptop hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(broker.chain, broker.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with pytest.raises(OSError), connection:  # noqa: PT011  the laptop hangs up
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return key_of(laptop.write(server.getsockname()[1]))
        finally:
            thread.join()


def test_a_clock_that_does_not_fit_the_brokers_certificate_is_named(tmp_path: pathlib.Path) -> None:
    laptop = Laptop(tmp_path, broker_age_days=10)
    assert key_at(laptop, laptop.broker) == "clock"


def test_a_broker_of_another_authority_is_named(tmp_path: pathlib.Path) -> None:
    assert key_at(Laptop(tmp_path / "a"), Laptop(tmp_path / "b").broker) == "broker-foreign"


def test_a_broker_that_does_not_know_the_laptop_is_named(tmp_path: pathlib.Path) -> None:
    laptop = Laptop(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(laptop.broker.chain, laptop.broker.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _connection in range(2):  # the laptop looks at the certificate first
                connection, _ = server.accept()
                with (
                    contextlib.suppress(OSError),  # the laptop hangs up
                    connection,
                    context.wrap_socket(connection, server_side=True) as secured,
                ):
                    if secured.recv(100):
                        secured.sendall(b"\x20\x02\x00\x05")  # CONNACK of MQTT 3.1.1: not authorized
                        secured.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            file = laptop.write(server.getsockname()[1])
            with pytest.raises(ProvisionError) as caught, opened(file, None):
                pytest.fail("it opened")
        finally:
            thread.join()
    assert caught.value.key == "broker-refuses"
    assert "он не знает этого ноутбука" in caught.value.told("ru")


def test_a_wrong_passphrase_changes_nothing_and_is_told(
    tmp_path: pathlib.Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    laptop = Laptop.__new__(Laptop)
    laptop.folder, laptop.file = tmp_path, tmp_path / "installation.toml"
    Authority.create(tmp_path / "ca", "Test", time.time_ns() // 1_000_000, passphrase=PASSPHRASE)
    file = laptop.write(port)
    wrong = tmp_path / "passphrase"
    wrong.touch(0o600)
    wrong.write_text("жаз-2026\n")
    log = (tmp_path / "ca" / "audit.jsonl").read_bytes()
    for passphrase in (None, "жаз-2026"):
        with pytest.raises(PassphraseError), opened(file, passphrase):
            pytest.fail("it opened")
    options = ["--installation", str(file), "--passphrase-file", str(wrong)]
    assert main(["serial", "sos-1", "--kind", "sos-button", *options, "--language", "ru"]) == 2
    told = capsys.readouterr().err
    assert "Пароль удостоверяющего центра неверен" in told
    assert "жаз" not in told
    assert (tmp_path / "ca" / "audit.jsonl").read_bytes() == log
    assert not (tmp_path / "inventory.db").exists()


@pytest.mark.parametrize(
    "more", ["[wlan]\nx = 1", "[authority]\ndir = 'x'", "[kind]\nsos-button = 3", "broken", "[listen]\nport = 0"]
)
def test_an_installation_file_with_a_mistake_is_refused(tmp_path: pathlib.Path, port: int, more: str) -> None:
    laptop = Laptop.__new__(Laptop)
    laptop.file = tmp_path / "installation.toml"
    with pytest.raises(InputError) as caught, opened(laptop.write(port, more), None):
        pytest.fail("it opened")
    assert caught.value.key == "installation"
    assert "geheim" not in str(caught.value)


def test_an_installation_file_with_passwords_that_others_can_read_is_refused(tmp_path: pathlib.Path, port: int) -> None:
    laptop = Laptop.__new__(Laptop)
    laptop.file = tmp_path / "installation.toml"
    laptop.write(port).chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"), opened(laptop.file, None):
        pytest.fail("it opened")


def test_a_listener_without_its_key_is_told(tmp_path: pathlib.Path, port: int) -> None:
    laptop = Laptop(tmp_path)
    (tmp_path / "listener" / "key.pem").unlink()
    assert key_of(laptop.write(port)) == "listener-key"
