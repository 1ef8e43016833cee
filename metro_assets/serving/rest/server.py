"""The process: logs as JSON lines, where it listens, and how it stops."""

from __future__ import annotations

import ipaddress
import logging
import sys
from contextlib import suppress

import structlog
import uvicorn

from metro_assets.config import API_KEYS_VARIABLE, ConfigurationError, Settings
from metro_assets.serving.rest.access import Keys
from metro_assets.serving.rest.app import AddPages, create_app

KEEP_ALIVE_SECONDS = 30


def serve(settings: Settings, host: str, port: int, add_pages: AddPages | None = None) -> None:
    """Serve until ctrl-C or SIGTERM; requests under way are answered first.

    Raises
    ------
    ConfigurationError : keys that are none, or another address than loopback without a key.
    """
    keys = Keys.from_environment()
    if not keys and not is_loopback(host):
        raise ConfigurationError(
            f"--host {host} can be reached by others, and there is no key to ask them for; set "
            f"{API_KEYS_VARIABLE}=name:$(openssl rand -hex 32), several with commas between them, or leave --host out"
        )
    log_as_json()
    log = structlog.get_logger("metro.api")
    log.info("starting", host=host, port=port, keys=keys.names, warehouse=str(settings.warehouse))
    if not keys:
        log.warning("without keys", hint=f"who reaches this machine's {host} may ask; set {API_KEYS_VARIABLE}")
    with suppress(KeyboardInterrupt):  # ctrl-C is how it is stopped; the server has done so when it raises this
        uvicorn.run(
            create_app(settings, keys, add_pages),
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=settings.api.maximum_connections,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.api.grace_seconds,
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def log_as_json() -> None:
    """One JSON object per line on standard error, the server's own messages too."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
