"""The one error of this package."""


class MqttError(Exception):
    """What is to be sent does not fit MQTT, or what arrived is none. It never leaves ``Session.receive``, which tells it as ``BROKEN``."""
