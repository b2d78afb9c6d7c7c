"""RabbitMQ's configuration as text, from a `BrokerModel`.

Pure. MQTT over TLS is the only way in: AMQP has no listener, no user has a password, and the certificate's CN is the user. RabbitMQ
does not bind the client ID to the CN, but a session's queue is named after the client ID, and a user may touch only the queues that
begin with its own name: another's client ID breaks a connection and neither shows nor loses a message.
"""

import json
import re
from typing import Any

from provisioning.brokers.model import BrokerModel, Limits, Rights, rights_of

CONFIGURATION = "rabbitmq.conf"
REVOCATION_LISTS = "crls"
NODE = "dabyl@localhost"
NOTHING = "^$"
SESSION_MS = 14 * 24 * 3600 * 1000


def files(model: BrokerModel) -> dict[str, str]:
    """Name to text of what RabbitMQ reads; `rabbitmq-env.conf`, which RABBITMQ_CONF_ENV_FILE names, leads to the others."""
    return {
        "rabbitmq-env.conf": environment(model),
        CONFIGURATION: configuration(model),
        "advanced.config": advanced(model),
        "enabled_plugins": "[rabbitmq_auth_mechanism_ssl,rabbitmq_mqtt].\n",
        "definitions.json": json.dumps(definitions(model), indent=1) + "\n",
    }


def environment(model: BrokerModel) -> str:
    """Where the files are. The port for other nodes listens on this machine only: rabbitmqctl needs it, a cluster is not meant."""
    directory = model.directory
    lines = [
        f"NODENAME='{NODE}'",
        f"CONFIG_FILE='{directory}/{CONFIGURATION}'",
        f"ADVANCED_CONFIG_FILE='{directory}/advanced.config'",
        f"ENABLED_PLUGINS_FILE='{directory}/enabled_plugins'",
        f"MNESIA_BASE='{directory}/mnesia'",
        f"LOG_BASE='{directory}/log'",
        "SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'",
        "export ERL_EPMD_ADDRESS=127.0.0.1",
    ]
    return "\n".join(lines) + "\n"


def configuration(model: BrokerModel) -> str:
    """rabbitmq.conf for RabbitMQ 3.10 and later."""
    limits = model.limits
    lines = [
        "listeners.tcp = none",
        "listeners.ssl = none",
        "mqtt.listeners.tcp = none",
        f"mqtt.listeners.ssl.1 = {model.listen}:{model.port}",
        "mqtt.allow_anonymous = false",
        "mqtt.ssl_cert_login = true",
        "ssl_cert_login_from = common_name",
        "mqtt.vhost = /",
        "mqtt.exchange = amq.topic",
        f"mqtt.subscription_ttl = {SESSION_MS}",
        f"mqtt.prefetch = {limits.inflight_messages}",
        "mqtt.retained_message_store = rabbit_mqtt_retained_msg_store_dets",
        f"max_message_size = {limits.packet_bytes}",
        f"load_definitions = {model.directory}/definitions.json",
        "log.file.level = info",
        "log.console = true",
        "log.console.level = info",
    ]
    return "\n".join(lines) + "\n"


def advanced(model: BrokerModel) -> str:
    """advanced.config: all of TLS, because rabbitmq.conf cannot name revocation lists, and the two are not merged."""
    certificates = model.certificates
    options = [
        f'{{cacertfile, "{certificates.root}"}}',
        f'{{certfile, "{certificates.certificate}"}}',
        f'{{keyfile, "{certificates.key}"}}',
        "{verify, verify_peer}",
        "{fail_if_no_peer_cert, true}",
        "{versions, ['tlsv1.3', 'tlsv1.2']}",
    ]
    if certificates.crl is not None:
        lists = f'{{dir, "{model.directory}/{REVOCATION_LISTS}"}}'
        options += ["{crl_check, peer}", f"{{crl_cache, {{ssl_crl_hash_dir, {{internal, [{lists}]}}}}}}"]
    return "[{rabbit, [{ssl_options, [\n  " + ",\n  ".join(options) + "\n]}]}].\n"


def definitions(model: BrokerModel) -> dict[str, Any]:
    """definitions.json: users without a password, what they may touch, limits. With it no user ``guest`` is made."""
    rights = rights_of(model.identities)
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {"name": name, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}
            for name in rights
        ],
        "permissions": [_permission(name, granted) for name, granted in rights.items()],
        "topic_permissions": [
            {
                "user": name,
                "vhost": "/",
                "exchange": "amq.topic",
                "write": _keys(granted.write),
                "read": _keys(granted.read),
            }
            for name, granted in rights.items()
        ],
        "parameters": [
            {
                "component": "vhost-limits",
                "vhost": "/",
                "name": "limits",
                "value": {"max-connections": model.limits.connections},
            }
        ],
        "policies": [_session_limits(model.limits)],
    }


def _permission(name: str, granted: Rights) -> dict[str, str]:
    # A client ID is the name, or the name and the session's 16 hexadecimal digits.
    queues = f"mqtt-subscription-{re.escape(name)}(-[0-9a-f]{{16}})?qos[01]"
    return {
        "user": name,
        "vhost": "/",
        "configure": f"^{queues}$",
        "write": f"^({queues}|amq\\.topic)$" if granted.write else f"^{queues}$",
        "read": f"^({queues}|amq\\.topic)$",
    }


def _keys(filters: tuple[str, ...]) -> str:
    """A regular expression for the AMQP routing keys of MQTT topic filters: ``a/+/b`` is ``a.*.b``, and a filter's own + is a ``*``."""
    return "^(" + "|".join(_key(topic) for topic in filters) + ")$" if filters else NOTHING


def _key(topic: str) -> str:
    levels = topic.split("/")
    open_end = levels[-1] == "#"
    parts = [r"[^.#]+" if level == "+" else re.escape(level) for level in (levels[:-1] if open_end else levels)]
    return r"\.".join(parts) + (r"(\..*)?" if open_end else "")


def _session_limits(limits: Limits) -> dict[str, Any]:
    return {
        "vhost": "/",
        "name": "sessions",
        "pattern": "^mqtt-subscription-",
        "apply-to": "queues",
        "priority": 0,
        "definition": {"max-length": limits.queued_messages, "max-length-bytes": limits.queued_bytes},
    }
