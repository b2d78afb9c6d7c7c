"""Mosquitto's configuration and access list as text, from a `BrokerModel`.

Pure. Devices need no entry of their own: a pattern with the certificate's CN serves all of them, so a device enrolled later needs no
reload. What a pattern would give a center or consumer too (every CN matches it) is denied by name.
"""

from provisioning.brokers.model import CENTER_RIGHTS, CONSUMER_RIGHTS, BrokerModel, Identities, Rights, device_rights

CONFIGURATION = "mosquitto.conf"
ACCESS_LIST = "mosquitto.acl"


def files(model: BrokerModel) -> dict[str, str]:
    """Name to text of what Mosquitto reads, all in the model's directory."""
    return {CONFIGURATION: configuration(model), ACCESS_LIST: access_list(model.identities)}


def configuration(model: BrokerModel) -> str:
    """mosquitto.conf for Mosquitto 2.0."""
    certificates, limits = model.certificates, model.limits
    lines = [
        "per_listener_settings false",
        "allow_anonymous false",
        f"acl_file {model.directory}/{ACCESS_LIST}",
        f"user {model.run_as}",
        "",
        f"listener {model.port} {model.listen}",
        "protocol mqtt",
        f"cafile {certificates.root}",
        f"certfile {certificates.certificate}",
        f"keyfile {certificates.key}",
        *([f"crlfile {certificates.crl}"] if certificates.crl else []),
        "tls_version tlsv1.2",  # the least that is accepted
        "require_certificate true",
        "use_identity_as_username true",
        # Without it any certificate throws out any device by its client ID.
        "use_username_as_clientid true",
        f"max_connections {limits.connections}",
        "",
        "persistence true",
        f"persistence_location {model.directory}/",
        "persistence_file mosquitto.db",
        f"autosave_interval {limits.autosave_s}",
        "persistent_client_expiration 14d",
        "",
        f"max_packet_size {limits.packet_bytes}",
        f"max_queued_messages {limits.queued_messages}",
        f"max_queued_bytes {limits.queued_bytes}",
        f"max_inflight_messages {limits.inflight_messages}",
        "queue_qos0_messages false",
        "retain_available true",
        "set_tcp_nodelay true",
        "",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "log_type information",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
        "connection_messages true",
    ]
    return "\n".join(lines) + "\n"


def access_list(identities: Identities) -> str:
    """The file of `acl_file`. Deny rules stand before all others, whatever their place."""
    lines: list[str] = []
    lines += _pattern(device_rights("%u"))
    for name in sorted(identities.revoked):
        lines += ["", f"user {name}", "topic deny #"]
    for names, rights in ((identities.centers, CENTER_RIGHTS), (identities.consumers, CONSUMER_RIGHTS)):
        for name in sorted(names - identities.revoked):
            lines += ["", f"user {name}"]
            lines += [f"topic write {topic}" for topic in rights.write]
            lines += [f"topic read {topic}" for topic in rights.read]
            lines += [f"topic deny dabyl/v1/{name}/#"]
    return "\n".join(lines) + "\n"


def _pattern(rights: Rights) -> list[str]:
    return [f"pattern write {topic}" for topic in rights.write] + [f"pattern read {topic}" for topic in rights.read]
