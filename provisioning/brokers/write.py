"""Writes the directory of a broker: its configuration from the model, and a README that says what to do with it."""

import os
import pathlib
import ssl
from collections.abc import Callable

from agent.durable import replace_file
from provisioning.brokers import emqx, mosquitto, nats, rabbitmq
from provisioning.brokers.errors import BrokerFilesError
from provisioning.brokers.hashed_list import hashed_name
from provisioning.brokers.model import BrokerModel, Certificates
from provisioning.brokers.readme import readme

ENGINES: dict[str, Callable[[BrokerModel], dict[str, str]]] = {
    "mosquitto": mosquitto.files,
    "rabbitmq": rabbitmq.files,
    "nats": nats.files,
    "emqx": emqx.files,
}
READ_LISTS = ("mosquitto", "rabbitmq")
"""Engines that read a revocation list from a file."""


def write(engine: str, model: BrokerModel, public: dict[str, bytes], *, force: bool) -> list[pathlib.Path]:
    """Write everything into the model's directory (made with mode 0700), each file with mode 0600.

    Args:
        engine: one of `ENGINES`.
        model: what to say.
        public: certificates and lists to be put there too, by name.
        force: replace files that are there.

    Returns:
        The files written.

    Raises:
        BrokerFilesError: files are there and ``force`` is not given (nothing is written then), a certificate's file is missing or does
            not fit, or the disk refuses.
    """
    contents = {name: text.encode() for name, text in ENGINES[engine](model).items()}
    contents["README"] = readme(engine, model).encode()
    contents |= public
    try:
        model.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [name for name in contents if os.path.lexists(model.directory / name)]
        if there and not force:
            raise BrokerFilesError(f"{model.directory} holds {', '.join(there)} already: replace them with --force")
        for name, content in public.items():
            replace_file(str(model.directory / name), content)
        check(model.certificates)
        if engine == "rabbitmq" and model.certificates.crl is not None:
            content = model.certificates.crl.read_bytes()
            contents[f"{rabbitmq.REVOCATION_LISTS}/{hashed_name(content)}"] = content
            (model.directory / rabbitmq.REVOCATION_LISTS).mkdir(mode=0o700, exist_ok=True)
        for name, content in contents.items():
            replace_file(str(model.directory / name), content)
    except OSError as error:
        raise BrokerFilesError(f"{error.filename or model.directory}: {error.strerror}") from None
    return [model.directory / name for name in contents]


def check(certificates: Certificates) -> None:
    """Whether a broker will be able to start with them.

    Raises:
        BrokerFilesError: one is missing or malformed, the key is not the certificate's, has a passphrase or is open to others.
    """
    for file in (certificates.root, certificates.certificate, certificates.key, certificates.crl):
        if file is not None and not file.is_file():
            raise BrokerFilesError(
                f"{file} is missing: make a key and a request for the broker, have it signed with"
                " `dabyl authority issue --role broker`, and name the files (--root, --certificate, --key, --crl)"
            )
    if certificates.key.stat().st_mode & 0o007:
        raise BrokerFilesError(f"everybody may read {certificates.key}: chmod o= {certificates.key}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    what = certificates.root
    try:
        context.load_verify_locations(what)
        what = certificates.certificate
        context.load_cert_chain(what, certificates.key, password=lambda: "")
        if certificates.crl is not None:
            what = certificates.crl
            context.load_verify_locations(what)
    except ssl.SSLError as error:
        reason = error.reason or "malformed, or the key has a passphrase, which a broker cannot ask for"
        raise BrokerFilesError(f"{what} with {certificates.key}: {reason}") from None
