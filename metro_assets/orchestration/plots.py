"""Pictures in the web UI: a figure becomes a Markdown value."""

from __future__ import annotations

import base64
from io import BytesIO

import dagster as dg
from matplotlib.figure import Figure


def picture(figure: Figure) -> dg.MarkdownMetadataValue:
    """The figure as a PNG inside Markdown metadata."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return dg.MetadataValue.md(f"![picture](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})")
