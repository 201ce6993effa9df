//! How each column is written. Chosen by measurement, `patrol bench pipeline` and `cargo bench -p trajectories`.

use contracts::events::Table;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Rows per row group: what DuckDB uses, and a good unit to skip.
pub const ROW_GROUP_ROWS: usize = 122_880;
/// Of zstd, for every compressed page.
pub(super) const LEVEL: i32 = 1;

/// How a column of `steps` without nulls becomes pages; what does not fit its layout, and every column with nulls, is
/// written by Parquet's general writer with the properties below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// By the general writer.
    General,
    /// Whole numbers below 256: packed into as few bits as the greatest needs.
    Small,
    /// The same number for many rows.
    Runs,
    /// Few different real numbers.
    Few,
    /// Slowly changing real numbers: their exponents compress once they stand together.
    Split,
    /// As they are.
    Plain,
    /// Bits.
    Flags,
}

pub(super) fn layout(column: &str) -> Layout {
    match column {
        "episode_index" | "policy_version" => Layout::Runs,
        "robot" | "x" | "y" | "heading" | "action" | "action_mask" | "cells_cleared" => Layout::Small,
        "reward" | "battery" | "threat_removed" => Layout::Few,
        "team_mean_threat" => Layout::Split,
        "log_prob" | "value" | "state_hash" => Layout::Plain,
        "charging" | "blocked" | "is_first" | "is_last" | "is_terminal" => Layout::Flags,
        _ => Layout::General,
    }
}

pub(super) fn properties(table: Table) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        // The default names the version of the library: the same rows would change their bytes with it.
        .set_created_by("patrol".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL).unwrap_or_default()))
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
