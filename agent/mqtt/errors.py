"""The one error of this package."""


class MqttError(Exception):
    """The broker sent what MQTT does not have, or what this client never asked for. The connection is of no use any more."""
