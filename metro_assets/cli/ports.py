"""Where a server of ours may listen."""

from __future__ import annotations

import errno
import socket

from metro_assets.config import ConfigurationError


def refuse_taken(host: str, port: int) -> None:
    """Raises ConfigurationError where the address is none of this machine's, or the port is in use."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise ConfigurationError(f"--host {host} is not an address") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise ConfigurationError(f"port {port} needs more rights; choose one from 1024 on with --port") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise ConfigurationError(f"--host {host} is not an address of this machine") from None
            raise ConfigurationError(f"port {port} is taken; choose another one with --port") from None
