//! The four tables: name, type, unit and meaning of every column.
//!
//! The columns that say which row it is (`required`) are never null; all others may be, so that a file of any recording
//! level and of any robot has the same schema. `run_id` and `split` stand in the path (hive partitions), not in the file.

pub mod compact;
mod tables;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use contracts::events::Table;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Metadata key of a stream's schema that names its table; without it a stream holds `steps`.
pub const TABLE_KEY: &str = "patrol.table";
/// Metadata key of the version of the tables.
pub const VERSION_KEY: &str = "patrol.schema_version";
/// Version of all four tables; a changed column is a new version.
pub const VERSION: &str = "1";

/// One column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: &'static str,
    pub data_type: DataType,
    /// Never null, and part of every recording level.
    pub required: bool,
    /// Unit of the values, e.g. `steps`; `1` for pure numbers, empty for names and flags.
    pub unit: &'static str,
    pub description: &'static str,
}

/// The columns of `table`, in order.
pub fn columns(table: Table) -> &'static [Column] {
    &ALL[index(table)].columns
}

/// The Arrow schema of `table`, with units and descriptions as field metadata.
pub fn schema(table: Table) -> SchemaRef {
    ALL[index(table)].schema.clone()
}

/// Position of a column of `steps`.
pub(crate) fn position(table: Table, name: &str) -> Option<usize> {
    columns(table).iter().position(|column| column.name == name)
}

/// File name below `schemas/` and content of a JSON description of every table and of the compact form, for people and for other languages.
pub fn documents() -> Vec<(String, Value)> {
    let document = |table: Table| (format!("arrow/{}.v{VERSION}.json", table.token()), describe(table));
    let compact = (format!("arrow/steps.compact.v{VERSION}.json"), describe_compact());
    Table::ALL.into_iter().map(document).chain([compact]).collect()
}

/// Place of a table in arrays over [`Table::ALL`].
pub(crate) fn index(table: Table) -> usize {
    match table {
        Table::Episodes => 0,
        Table::Steps => 1,
        Table::Maps => 2,
        Table::WorldEvents => 3,
    }
}

struct Definition {
    columns: Vec<Column>,
    schema: SchemaRef,
}

static ALL: LazyLock<[Definition; 4]> = LazyLock::new(|| {
    Table::ALL.map(|table| {
        let columns = tables::columns(table);
        let fields = columns.iter().map(field).collect::<Vec<_>>();
        Definition { schema: Arc::new(Schema::new_with_metadata(fields, metadata(table))), columns }
    })
});

fn metadata(table: Table) -> HashMap<String, String> {
    [(TABLE_KEY, table.token()), (VERSION_KEY, VERSION)].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn field(column: &Column) -> Field {
    let metadata = [("unit", column.unit), ("description", column.description)];
    let metadata = metadata.into_iter().filter(|(_, value)| !value.is_empty());
    Field::new(column.name, column.data_type.clone(), !column.required)
        .with_metadata(metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).collect::<HashMap<_, _>>())
}

fn describe(table: Table) -> Value {
    json!({
        "table": table.token(),
        "version": VERSION,
        "partitioned_by": ["run_id", "split"],
        "sorted_by": tables::sort_order(table),
        "columns": columns(table).iter().map(describe_column).collect::<Vec<_>>(),
    })
}

fn describe_compact() -> Value {
    let part = |part: compact::Part| {
        let columns = part.columns().iter().map(describe_column).collect::<Vec<_>>();
        json!({ "part": part.token(), "columns": columns })
    };
    json!({ "table": "steps", "version": VERSION, "parts": compact::Part::ALL.map(part) })
}

fn describe_column(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.data_type.to_string(),
        "nullable": !column.required,
        "unit": column.unit,
        "description": column.description,
    })
}
