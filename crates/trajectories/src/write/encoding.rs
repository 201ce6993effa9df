//! How each column is written. Chosen by measurement, `cargo bench -p trajectories`; zstd is always level 1.

use contracts::events::Table;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Rows per row group: what DuckDB uses, and a good unit to skip.
pub const ROW_GROUP_ROWS: usize = 122_880;

pub(super) fn properties(table: Table) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        // The default names the version of the library: the same rows would change their bytes with it.
        .set_created_by("patrol".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    match table {
        Table::Steps => steps(builder).build(),
        _ => builder.build(),
    }
}

/// Columns that are not named here have few values and get a dictionary; flags are run-length encoded.
fn steps(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    use Encoding::{BYTE_STREAM_SPLIT, DELTA_BINARY_PACKED, PLAIN};
    let encodings = [
        // Sorted: a byte for hundreds of rows.
        ("episode_index", DELTA_BINARY_PACKED),
        ("step", DELTA_BINARY_PACKED),
        // Slowly changing numbers: their exponents compress once they stand together.
        ("battery", BYTE_STREAM_SPLIT),
        ("team_mean_threat", BYTE_STREAM_SPLIT),
        ("log_prob", PLAIN),
        ("value", PLAIN),
        // Random, but the same for all robots of a step: zstd finds that, and costs next to nothing where it is not so.
        ("state_hash", PLAIN),
    ];
    let builder = encodings.into_iter().fold(builder, |builder, (name, encoding)| {
        let builder = builder.set_column_dictionary_enabled(ColumnPath::from(name), false);
        builder.set_column_encoding(ColumnPath::from(name), encoding)
    });
    // Only these find rows in a sorted file; the extent of a reward or a hash skips nothing and costs a pass over it.
    let builder = builder.set_statistics_enabled(EnabledStatistics::None);
    let builder = ["episode_index", "step", "robot"].into_iter().fold(builder, |builder, name| {
        builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk)
    });
    // Noise: compression would save a byte of eight and cost a tenth of the whole time.
    ["log_prob", "value"].into_iter().fold(builder, |builder, name| {
        builder.set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED)
    })
}
