"""The peer: a plain script as one writes it from paho's and gpiozero's documentation. Unsigned, not durable, mutual TLS, QoS 1.

Usage: paho_script.py HOST PORT CA CERTIFICATE KEY CLIENT TOPIC MODE [PIN] [COUNT]

MODE is ``press`` (gpiozero's Button on PIN; each press publishes COUNT messages, 1 if left out), ``sign`` (the same, and each message is
signed by the device's key first), ``hello`` (one message as soon as it is connected) or ``idle`` (connected, no GPIO). Each message has 260
bytes and begins with its number. Says ``connected`` on standard error.
"""

import pathlib
import signal
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

host, port, ca, certificate, key, client_id, topic, mode, *rest = sys.argv[1:]
SIZE = 260
sent = 0
signer = None
if mode == "sign":
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    signer = serialization.load_pem_private_key(pathlib.Path(key).read_bytes(), None)


def publish() -> None:
    """Send the next message."""
    global sent  # noqa: PLW0603  as in a plain script
    sent += 1
    message = f"{sent} ".encode().ljust(SIZE, b"x")
    if signer is not None:
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        message = (message + signer.sign(message, ec.ECDSA(hashes.SHA256())))[-SIZE:]
    client.publish(topic, message, qos=1)


def on_connect(_client: mqtt.Client, _data: object, _flags: object, _reason: object, _properties: object) -> None:
    """Say that it is connected."""
    if mode == "hello":
        publish()
    sys.stderr.write("connected\n")
    sys.stderr.flush()


def on_press() -> None:
    """Send what one press makes."""
    for _ in range(int(rest[1]) if len(rest) > 1 else 1):
        publish()


client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
client.on_connect = on_connect
client.tls_set(ca, certificate, key)
client.connect(host, int(port), 60)
client.loop_start()
if mode in {"press", "sign"}:
    from gpiozero import Button

    button = Button(int(rest[0]), bounce_time=None)
    button.when_pressed = on_press
signal.pause()
