"""EMQX's configuration as text, from a `BrokerModel`.

Pure. The certificate's CN is both the user and the client ID. EMQX takes revocation lists only over HTTP from where a certificate says,
which Dabyl's do not: a revoked name loses its rights here, and is kicked with ``emqx ctl clients kick NAME``.
"""

import json

from provisioning.brokers.model import CENTER_RIGHTS, CONSUMER_RIGHTS, BrokerModel, Identities, Rights, device_rights

CONFIGURATION = "emqx.conf"
ACCESS_LIST = "acl.conf"


def files(model: BrokerModel) -> dict[str, str]:
    """Name to text of what EMQX reads. Its node cookie comes from EMQX_NODE__COOKIE, so no file holds it."""
    return {CONFIGURATION: configuration(model), ACCESS_LIST: access_list(model.identities)}


def configuration(model: BrokerModel) -> str:
    """emqx.conf for EMQX 5.8."""
    certificates, limits = model.certificates, model.limits
    lines = [
        "node {",
        '  name = "dabyl@127.0.0.1"',
        f'  data_dir = "{model.directory}/data"',
        "}",
        "cluster.discovery_strategy = manual",
        "dashboard.listeners.http.bind = 0",
        "listeners.tcp.default.enable = false",
        "listeners.ws.default.enable = false",
        "listeners.wss.default.enable = false",
        "listeners.ssl.default {",
        f'  bind = "{model.listen}:{model.port}"',
        f"  max_connections = {limits.connections}",
        "  ssl_options {",
        f'    cacertfile = "{certificates.root}"',
        f'    certfile = "{certificates.certificate}"',
        f'    keyfile = "{certificates.key}"',
        "    verify = verify_peer",
        "    fail_if_no_peer_cert = true",
        "    versions = [tlsv1.3, tlsv1.2]",
        "  }",
        "}",
        "mqtt {",
        "  peer_cert_as_username = cn",
        "  peer_cert_as_clientid = cn",
        f'  max_packet_size = "{limits.packet_bytes}B"',
        f"  max_inflight = {limits.inflight_messages}",
        f"  max_mqueue_len = {limits.queued_messages}",
        "  mqueue_store_qos0 = false",
        '  session_expiry_interval = "14d"',
        "}",
        "durable_sessions.enable = true",
        "retainer.backend.storage_type = disc",
        "authorization {",
        "  no_match = deny",
        "  deny_action = ignore",
        f'  sources = [{{type = file, enable = true, path = "{model.directory}/{ACCESS_LIST}"}}]',
        "}",
    ]
    return "\n".join(lines) + "\n"


def access_list(identities: Identities) -> str:
    """acl.conf. The first rule that matches decides, so who is revoked, a center or a consumer never comes to the devices' rule."""
    lines = [f'{{deny, {{user, "{name}"}}, all, ["#"]}}.' for name in sorted(identities.revoked)]
    for names, rights in ((identities.centers, CENTER_RIGHTS), (identities.consumers, CONSUMER_RIGHTS)):
        for name in sorted(names - identities.revoked):
            lines += _rules(f'{{user, "{name}"}}', rights)
            lines += [f'{{deny, {{user, "{name}"}}, all, ["#"]}}.']
    lines += _rules("all", device_rights("${username}"))
    lines += ["{deny, all}."]
    return "\n".join(lines) + "\n"


def _rules(who: str, rights: Rights) -> list[str]:
    return [
        f"{{allow, {who}, {action}, {json.dumps(topics)}}}."
        for action, topics in (("publish", rights.write), ("subscribe", rights.read))
        if topics
    ]
