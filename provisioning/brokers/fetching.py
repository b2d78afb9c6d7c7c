"""What brings the revocation list to a broker's or the center's host: a script, and the service and timer that run it. Pure.

The host needs curl, openssl and systemd, nothing of ours. A list takes the old one's place in one step, and only if the authority has
signed it and its number is not lower: who stands in between can neither forge one nor bring an old one back.
"""

import re
import shlex

from provisioning.brokers.errors import BrokerFilesError
from provisioning.brokers.rabbitmq import REVOCATION_LISTS

MAX_BYTES = 64 * 1024 * 1024
SECONDS = 30
_PLAIN = re.compile(r"/[A-Za-z0-9/._-]*", re.ASCII)
_URL = re.compile(r"https://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9/._~-]*)?", re.ASCII)
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)

_SCRIPT = """\
#!/bin/sh
# Fetches the revocation list, and puts it in the old one's place if the authority has signed it and it is not older.
# Written by `dabyl provision crl`. Ends with 0 also where nothing is new; whatever is wrong is told, and the old list stays.
set -eu
umask 022
cd {directory}
trap 'rm -f crl.new' EXIT
number() {{ openssl crl -in "$1" -noout -crlnumber | sed 's/^crlNumber=\\(0x\\)\\{{0,1\\}}//'; }}

curl --fail --silent --show-error --proto =https --max-time {seconds} --max-filesize {most} --cacert root.pem --output crl.new {url}
# openssl ends with 0 even where the signature is wrong: what it says counts.
if ! openssl crl -in crl.new -noout -verify -CAfile issuing.pem 2>&1 | grep -qx 'verify OK'; then
    echo "what {url} gave is no list of this authority: the old one stays" >&2
    exit 1
fi
if [ -e crl.pem ]; then
    if cmp -s crl.new crl.pem; then exit 0; fi
    newest=$(printf '%40s\\n%40s\\n' "$(number crl.pem)" "$(number crl.new)" | tr ' ' 0 | LC_ALL=C sort | tail -n 1)
    if [ "$newest" != "$(printf '%40s' "$(number crl.new)" | tr ' ' 0)" ]; then
        echo "what {url} gave is older than the list that is here: it stays" >&2
        exit 1
    fi
fi
if [ -d {lists} ]; then # RabbitMQ looks for it by this name
    cp crl.new {lists}/.new
    mv {lists}/.new "{lists}/$(openssl crl -in crl.new -noout -hash).r0"
fi
mv crl.new crl.pem
if [ -n "${{RUNTIME_DIRECTORY:-}}" ]; then : >"$RUNTIME_DIRECTORY/changed"; fi
"""

_SERVICE = """\
# Written by `dabyl provision crl`: fetches the revocation list. Nothing but this directory can be written.
[Unit]
Description=Dabyl: fetch the revocation list
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={directory}/fetch-crl
{reload}User={user}
RuntimeDirectory=dabyl-crl
ReadWritePaths={directory}
UMask=0022
TimeoutStartSec=60
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @mount @debug @cpu-emulation @obsolete @swap @reboot @raw-io @module @clock
LimitCORE=0
SystemCallErrorNumber=EPERM
"""

_TIMER = """\
# Written by `dabyl provision crl`: how long at most a revoked device is still let in.
[Unit]
Description=Dabyl: look for a new revocation list

[Timer]
OnBootSec=10s
OnUnitInactiveSec={minutes}min
RandomizedDelaySec=10s

[Install]
WantedBy=timers.target
"""


def files(directory: str, url: str, user: str, reload: str, minutes: int) -> dict[str, str]:
    """The script and the units, by name.

    Args:
        directory: where they lie, beside ``root.pem`` and ``issuing.pem``, and where ``crl.pem`` is kept.
        url: where the list is.
        user: who fetches; the directory is to be this user's.
        reload: command that root runs when the list has changed, or empty.
        minutes: between two looks.

    Raises:
        BrokerFilesError: a value would mean something else in a shell or a unit.
    """
    for value, form, what in (
        (directory, _PLAIN, "a directory for units"),
        (url, _URL, "an address (https://HOST:PORT/crl.pem)"),
        (user, _USER, "a user's name"),
    ):
        if not form.fullmatch(value):
            raise BrokerFilesError(f"{value[:200]!r} is not {what}: use plain Latin letters, digits, '-', '_' and '.'")
    if not reload.isprintable() or re.search(r"[\\%$\"']", reload):
        raise BrokerFilesError(f"{reload[:200]!r}: name a plain command, or a script that does more")
    after = f"ExecStartPost=+/bin/sh -c 'if [ -e /run/dabyl-crl/changed ]; then exec {reload}; fi'\n" if reload else ""
    script = _SCRIPT.format(
        directory=shlex.quote(directory), url=url, seconds=SECONDS, most=MAX_BYTES, lists=REVOCATION_LISTS
    )
    service = _SERVICE.format(directory=directory, user=user, reload=after)
    return {"fetch-crl": script, "dabyl-crl.service": service, "dabyl-crl.timer": _TIMER.format(minutes=minutes)}
