//! A file of `steps`, row group by row group: each column in the layout that suits it.

use super::chunk::Zstd;
use super::columns::Column;
use super::encoding;
use crate::error::{Result, parquet};
use crate::schema;
use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::file::writer::SerializedFileWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use contracts::events::Table;

pub(super) struct StepsWriter {
    file: SerializedFileWriter<Vec<u8>>,
    general: ArrowRowGroupWriterFactory,
    zstd: Zstd,
    row_groups: usize,
}

impl StepsWriter {
    pub(super) fn new() -> Result<Self> {
        let properties = encoding::properties(Table::Steps);
        let writer = ArrowWriter::try_new(Vec::new(), schema::schema(Table::Steps), Some(properties));
        let (file, general) = writer.and_then(ArrowWriter::into_serialized_writer).map_err(parquet("begin a file"))?;
        Ok(Self { file, general, zstd: Zstd::new(encoding::LEVEL)?, row_groups: 0 })
    }

    /// Writes the rows of one row group.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let failed = parquet("write rows");
        let (descriptor, properties) = (self.file.schema_descr().clone(), self.file.properties().clone());
        let mut general = self.general.create_column_writers(self.row_groups).map_err(&failed)?.into_iter();
        let mut row_group = self.file.next_row_group().map_err(&failed)?;
        for (index, values) in rows.columns().iter().enumerate() {
            let schema = rows.schema_ref().field(index);
            let descriptor = descriptor.column(index);
            let compression = properties.compression(descriptor.path());
            let column = Column { descriptor, compression, values };
            let writer = general.next();
            match (column.encode(encoding::layout(schema.name()), &mut self.zstd)?, writer) {
                (Some(chunk), _) => row_group.append_column(&chunk.bytes, chunk.close).map_err(&failed)?,
                (None, Some(mut writer)) => {
                    for leaf in compute_leaves(schema, values).map_err(&failed)? {
                        writer.write(&leaf).map_err(&failed)?;
                    }
                    let chunk = writer.close().map_err(&failed)?;
                    chunk.append_to_row_group(&mut row_group).map_err(&failed)?;
                }
                (None, None) => return Err(crate::Error::invalid(format!("no writer for column {}", schema.name()))),
            }
        }
        self.row_groups += 1;
        row_group.close().map(|_| ()).map_err(&failed)
    }

    pub(super) fn finish(self) -> Result<Bytes> {
        self.file.into_inner().map(Bytes::from).map_err(parquet("finish a file"))
    }
}
