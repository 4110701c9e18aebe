"""A local stand-in for Airtable's API: real HTTP, bases, formulas, limits, faults."""

from harvester.sandbox.airtable.errors import ApiError
from harvester.sandbox.airtable.faults import Fault
from harvester.sandbox.airtable.oracle import Ledger
from harvester.sandbox.airtable.sandbox import SandboxAirtable
from harvester.sandbox.airtable.specs import BaseSpec, FieldSpec, TableSpec

__all__ = ["ApiError", "BaseSpec", "Fault", "FieldSpec", "Ledger", "SandboxAirtable", "TableSpec"]
