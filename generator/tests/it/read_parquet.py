"""Prints the schema and the rows of a Parquet file as JSON, as pyarrow and as DuckDB read them."""
import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

reader, path = sys.argv[1:]
TIMES = ("published", "run_time")
file = pq.ParquetFile(path)
groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]

if reader == "pyarrow":
    table = file.read()
    for index, field in enumerate(table.schema):
        if field.name in TIMES:
            assert field.type == pa.timestamp("us", tz="UTC"), field
            table = table.set_column(index, field.name, table.column(index).cast(pa.int64()))
    rows = table.to_pylist(maps_as_pydicts="strict")
    schema = {field.name: str(field.type) for field in file.schema_arrow}
else:
    replaced = ", ".join(f"epoch_us({name}) AS {name}" for name in TIMES)
    found = duckdb.sql(f"SELECT * REPLACE ({replaced}) FROM read_parquet($path)", params={"path": path})
    names = found.columns
    rows = [dict(zip(names, row)) for row in found.fetchall()]
    kinds = duckdb.sql("DESCRIBE SELECT * FROM read_parquet($path)", params={"path": path}).fetchall()
    schema = {name: kind for name, kind, *_ in kinds}

codecs = {group.column(index).compression for group in groups for index in range(group.num_columns)}
sizes = [group.num_rows for group in groups]
json.dump({"schema": schema, "rows": rows, "codecs": sorted(codecs), "groups": sizes}, sys.stdout)
