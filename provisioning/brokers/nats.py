"""nats-server's configuration as text, from a `BrokerModel`.

Pure. A certificate's subject, which must be exactly ``CN=<name>``, is the user; every user is bound to MQTT, so nobody enters through
NATS's own protocol, whose listener cannot be switched off. NATS reads no CRL: a revoked name loses its entry, which a reload
carries out at once, open sessions included.
"""

from provisioning.brokers.model import BrokerModel, Rights, rights_of

CONFIGURATION = "nats-server.conf"
STREAM_BYTES = 1024 * 1024 * 1024


def files(model: BrokerModel) -> dict[str, str]:
    """Name to text of what nats-server reads."""
    return {CONFIGURATION: configuration(model)}


def configuration(model: BrokerModel) -> str:
    """nats-server.conf for nats-server 2.12.6 and later; before, rights did not hold for $MQTT (CVE-2026-33217)."""
    certificates, limits = model.certificates, model.limits
    tls = [
        "  tls {",
        f'    cert_file: "{certificates.certificate}"',
        f'    key_file: "{certificates.key}"',
        f'    ca_file: "{certificates.root}"',
        "    verify_and_map: true",
        '    min_version: "1.2"',
        "    timeout: 5",
        "  }",
    ]
    lines = [
        'server_name: "dabyl"',
        'listen: "127.0.0.1:-1"',
        *(line.removeprefix("  ") for line in tls),
        f"max_payload: {limits.packet_bytes}",
        f"max_connections: {limits.connections}",
        f"max_pending: {limits.queued_bytes}",
        "jetstream {",
        f'  store_dir: "{model.directory}/jetstream"',
        "  max_memory_store: 0",
        f"  max_file_store: {STREAM_BYTES}",
        '  sync_interval: "1s"',
        "}",
        "mqtt {",
        f'  listen: "{model.listen}:{model.port}"',
        f"  max_ack_pending: {limits.inflight_messages}",
        '  ack_wait: "30s"',
        *tls,
        "}",
        "authorization {",
        "  users: [",
    ]
    for name, rights in rights_of(model.identities).items():
        lines += _user(name, rights)
    lines += ["  ]", "}"]
    return "\n".join(lines) + "\n"


def _user(name: str, rights: Rights) -> list[str]:
    publish = [subject for topic in rights.write for subject in subjects(topic)]
    subscribe = [subject for topic in rights.read for subject in subjects(topic)]
    return [
        "    {",
        f'      user: "CN={name}"',
        '      allowed_connection_types: ["MQTT"]',
        "      permissions: {",
        f"        publish: {{ {'allow' if publish else 'deny'}: {_listed(publish or ['>'])} }}",
        f"        subscribe: {{ allow: {_listed(subscribe)} }}",
        "      }",
        "    }",
    ]


def subjects(topic: str) -> tuple[str, ...]:
    """NATS subjects of an MQTT topic filter: ``a/+/b`` is ``a.*.b``; ``a/#`` is ``a`` and ``a.>``, for MQTT's # includes its parent."""
    levels = topic.replace("+", "*").split("/")
    if levels[-1] != "#":
        return (".".join(levels),)
    return (".".join(levels[:-1]), ".".join([*levels[:-1], ">"]))


def _listed(items: list[str]) -> str:
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"
