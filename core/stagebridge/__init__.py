"""stagebridge keeps every contact, its lifecycle stage and its conversion events the same in all systems.

This package alone is the canonical model and the mappings: no database, no web framework, no platform's SDK is loaded
by importing it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagebridge.contact import Contact as Contact
    from stagebridge.errors import StagebridgeError as StagebridgeError
    from stagebridge.event import ConversionEvent as ConversionEvent
    from stagebridge.lifecycle import Lifecycle as Lifecycle
    from stagebridge.lifecycle import load_lifecycle as load_lifecycle
    from stagebridge.mapping import Mapping as Mapping
    from stagebridge.mapping import load_mapping as load_mapping

__version__ = "0.1.0"

_HOMES = {
    "Contact": "contact",
    "ConversionEvent": "event",
    "Lifecycle": "lifecycle",
    "Mapping": "mapping",
    "StagebridgeError": "errors",
    "load_lifecycle": "lifecycle",
    "load_mapping": "mapping",
}

__all__ = [
    "Contact", "ConversionEvent", "Lifecycle", "Mapping", "StagebridgeError", "load_lifecycle", "load_mapping",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"stagebridge.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'stagebridge' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
