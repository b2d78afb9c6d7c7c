"""PKCS#11 URIs (RFC 7512), the subset that a configuration needs, as a checked value. Pure: opens nothing.

``pkcs11:token=…;object=…;id=…;serial=…?module-path=…&module-name=…&pin-source=file:…``. A PIN never stands in the URI (``pin-value`` is
refused), because configurations get copied and printed.
"""

from urllib.parse import unquote_to_bytes

from agent.keys.errors import HsmUriError

_LIMIT = 1024
_PATH = ("token", "object", "id", "serial", "type")
_QUERY = ("module-path", "module-name", "pin-source")
_EXAMPLE = "pkcs11:token=dabyl;object=device?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/dabyl/pin"


class HsmUri:
    """What a PKCS#11 URI says. ``token`` and ``object`` are labels, ``id`` bytes or None, the rest text or None."""

    def __init__(self, text: str) -> None:
        """Parse ``text``.

        Raises:
            HsmUriError: malformed, an unknown or doubled attribute, no token, neither object nor id, no pin-source, or a PIN inside.
        """
        if len(text) > _LIMIT:
            raise HsmUriError(f"the PKCS#11 URI is longer than {_LIMIT} characters")
        if not text.startswith("pkcs11:"):
            raise HsmUriError(f"a PKCS#11 URI begins with 'pkcs11:', for example {_EXAMPLE}")
        path, _, query = text[len("pkcs11:") :].partition("?")
        found = _attributes(path, ";", _PATH)
        found.update(_attributes(query, "&", _QUERY))
        if "token" not in found or not ("object" in found or "id" in found):
            raise HsmUriError(f"the PKCS#11 URI must name token= and object= (or id=), for example {_EXAMPLE}")
        if _text(found.get("type"), "type") not in (None, "private"):
            raise HsmUriError("the PKCS#11 URI's type= must be private: it names the signing key")
        self.token = _text(found["token"], "token") or ""
        self.object = _text(found.get("object"), "object")
        self.id = found.get("id")
        self.serial = found.get("serial")
        self.module_path = _text(found.get("module-path"), "module-path")
        self.module_name = _text(found.get("module-name"), "module-name")
        self.pin_file = _pin_file(_text(found.get("pin-source"), "pin-source"))

    @property
    def name(self) -> str:
        """Token and key, for messages."""
        key = self.object if self.object is not None else (self.id or b"").hex()
        return f"key {key!r} on token {self.token!r}"


def _attributes(text: str, separator: str, known: "tuple[str, ...]") -> "dict[str, bytes]":
    found: dict[str, bytes] = {}
    for part in text.split(separator):
        if not part:
            continue
        name, equals, value = part.partition("=")
        if name in ("pin-value", "pin"):
            raise HsmUriError(
                "a PIN must not stand in the PKCS#11 URI: put it into a file of mode 0600 and use pin-source=file:…"
            )
        if not equals or name not in known:
            raise HsmUriError(
                f"unknown attribute {name[:40]!r} in the PKCS#11 URI: here it may have {', '.join(known)}"
            )
        if name in found:
            raise HsmUriError(f"attribute {name!r} stands twice in the PKCS#11 URI")
        decoded = unquote_to_bytes(value)
        if not decoded or b"\x00" in decoded:
            raise HsmUriError(f"attribute {name!r} of the PKCS#11 URI is empty or holds a zero byte")
        found[name] = decoded
    return found


def _text(value: "bytes | None", name: str) -> "str | None":
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise HsmUriError(f"attribute {name!r} of the PKCS#11 URI is not UTF-8") from None


def _pin_file(source: "str | None") -> str:
    if source is None:
        raise HsmUriError(f"the PKCS#11 URI must name the file of the PIN, for example {_EXAMPLE}")
    path = source.removeprefix("file:").removeprefix("//")  # file:///etc/… (RFC 8089) as well
    if not path.startswith("/"):
        raise HsmUriError("pin-source= of the PKCS#11 URI must be file: and an absolute path")
    return path
