"""The peer of the API: what anyone would write who serves one constant answer with FastAPI. BODY names its file."""

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response

app = FastAPI()
body = Path(os.environ["BODY"]).read_bytes()
content = json.loads(body)


@app.get("/bytes")
async def constant() -> Response:
    """The constant as bytes: FastAPI does nothing with it."""
    return Response(body, media_type="application/json")


@app.get("/object")
async def rendered() -> Any:
    """The constant as Python objects: FastAPI renders it, as in its tutorial."""
    return content
