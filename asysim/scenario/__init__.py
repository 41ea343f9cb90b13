"""Scenario files: the models, loading and overriding, and errors in the file's own terms."""

from asysim.scenario.load import json_schema, load, parse, to_document, to_toml, vary
from asysim.scenario.models import Scenario

__all__ = ["Scenario", "json_schema", "load", "parse", "to_document", "to_toml", "vary"]
