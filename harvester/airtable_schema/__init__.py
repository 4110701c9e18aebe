"""What an Airtable base must look like for us, what it does look like, and what a cell of it takes. No I/O.

`columns` says what we need, `schema` what a base has, `comparing` where the two differ, `cells` how a value
of ours becomes the value of a cell.
"""

from harvester.airtable_schema.cells import MAX_CELL, NOT_WRITABLE, Cell, NotWritable, adapt
from harvester.airtable_schema.columns import (
    ALL_TABLES,
    CLIENT,
    MASTER,
    Column,
    Kind,
    TableSpec,
)
from harvester.airtable_schema.comparing import Problem, problems
from harvester.airtable_schema.field_types import COMPUTED, fits
from harvester.airtable_schema.renaming import changes, with_known_names
from harvester.airtable_schema.schema import Field, Schema, Table

__all__ = [
    "ALL_TABLES",
    "CLIENT",
    "COMPUTED",
    "MASTER",
    "MAX_CELL",
    "NOT_WRITABLE",
    "Cell",
    "Column",
    "Field",
    "Kind",
    "NotWritable",
    "Problem",
    "Schema",
    "Table",
    "TableSpec",
    "adapt",
    "changes",
    "fits",
    "problems",
    "with_known_names",
]
