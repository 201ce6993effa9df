//! How each column is written.

use contracts::events::Table;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Rows per row group: what DuckDB uses, and a good unit to skip.
pub const ROW_GROUP_ROWS: usize = 122_880;

#[derive(Clone, Copy)]
enum Coding {
    Dictionary,
    Delta,
    Split,
    Plain,
    PlainRaw,
}

fn coding(name: &str) -> Coding {
    let over = std::env::var(format!("ENC_{name}")).unwrap_or_default();
    match over.as_str() { "dict" => return Coding::Dictionary, "delta" => return Coding::Delta, "split" => return Coding::Split, "plain" => return Coding::Plain, "raw" => return Coding::PlainRaw, _ => {} }
    match name {
        "episode_index" | "step" => Coding::Delta,
        "log_prob" | "value" | "team_mean_threat" | "battery" => Coding::Split,
        "state_hash" => Coding::PlainRaw,
        _ => Coding::Dictionary,
    }
}

pub(super) fn properties(table: Table) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by("patrol".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    if table == Table::Steps {
        for column in crate::schema::columns(table) {
            builder = column_properties(builder, column.name);
        }
    }
    builder.build()
}

fn column_properties(b: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    let path = ColumnPath::from(name);
    match coding(name) {
        Coding::Dictionary => b,
        Coding::Delta => b.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
        Coding::Split => b.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, Encoding::BYTE_STREAM_SPLIT),
        Coding::Plain => b.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, Encoding::PLAIN),
        Coding::PlainRaw => b.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path.clone(), Encoding::PLAIN).set_column_compression(path, Compression::UNCOMPRESSED),
    }
}
