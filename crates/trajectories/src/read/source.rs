//! Parquet's view of an object: fetch these ranges.

use crate::error::Result;
use crate::store::ObjectStore;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;

/// Bytes fetched with the first read: enough for the footer of a file of the archive.
const FOOTER_GUESS: usize = 64 * 1024;

pub(super) struct Source {
    store: ObjectStore,
    key: String,
    size: u64,
}

impl Source {
    pub(super) async fn open(store: &ObjectStore, key: &str) -> Result<Self> {
        let size = store.size(key).await?.ok_or_else(|| crate::Error::Store {
            action: "read",
            key: key.to_owned(),
            reason: object_store::Error::NotFound { path: key.to_owned(), source: "no such object".into() },
        })?;
        Ok(Self { store: store.clone(), key: key.to_owned(), size })
    }
}

impl AsyncFileReader for Source {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { self.store.get_range(&self.key, range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.key, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_GUESS));
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

fn external(error: crate::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
