//! Files in the object store against what the log says of them.

use super::material::Material;
use super::report::Check;
use anyhow::{Error, Result};
use bytes::Bytes;
use contracts::events::{BlobRef, FileWritten, Table};
use trajectories::store::sha256;
use trajectories::{ObjectStore, read};

/// Weights and resume state of every checkpoint, one by one and together.
pub async fn checkpoints(store: &ObjectStore, material: &Material, done: impl Fn()) -> Result<Check> {
    let mut check = Check::new("checkpoints");
    for created in &material.checkpoints {
        let update = created.update;
        let mut differences = Vec::new();
        let policy = compare(store, &created.policy, &mut differences).await?;
        let resume = compare(store, &created.resume, &mut differences).await?;
        if let (Some(policy), Some(resume)) = (policy, resume)
            && sha256(&[policy, resume].concat()) != created.digest
        {
            differences.push(format!("the checkpoint after update {update} does not have its recorded digest"));
        }
        check.note(differences);
        done();
    }
    if let (Some(completed), Some(last)) = (&material.completed, material.checkpoints.last())
        && let Some(digest) = completed.digest.as_ref().filter(|digest| **digest != last.digest)
    {
        check.note(vec![format!("the run ended with {digest}, its last checkpoint is {}", last.digest)]);
    }
    Ok(check)
}

/// Bytes and rows of every archived file.
pub async fn files(store: &ObjectStore, material: &Material, done: impl Fn()) -> Result<Check> {
    let mut check = Check::new("archive files");
    for file in &material.files {
        let mut differences = Vec::new();
        if compare(store, &file.blob, &mut differences).await?.is_some() && differences.is_empty() {
            differences.extend(wrong_rows(store, file).await);
        }
        check.note(differences);
        done();
    }
    Ok(check)
}

/// The bytes, if there are any; what is wrong with them joins `differences`.
///
/// # Errors
/// When the store cannot be read.
async fn compare(store: &ObjectStore, blob: &BlobRef, differences: &mut Vec<String>) -> Result<Option<Bytes>> {
    let bytes = match store.get(&blob.uri).await {
        Err(error) if error.is_not_found() => {
            differences.push(format!("`{}` is missing", blob.uri));
            return Ok(None);
        }
        other => other?,
    };
    if bytes.len() as u64 != blob.bytes {
        differences.push(format!("`{}` has {} bytes, not {}", blob.uri, bytes.len(), blob.bytes));
    } else if sha256(&bytes) != blob.sha256 {
        differences.push(format!("`{}` does not have its recorded SHA-256", blob.uri));
    }
    Ok(Some(bytes))
}

async fn wrong_rows(store: &ObjectStore, file: &FileWritten) -> Option<String> {
    let recorded = file.blob.rows?;
    let uri = &file.blob.uri;
    let counted = match file.table {
        Table::Maps => read::all(store, Table::Maps, uri).await.map(|rows| rows.num_rows() as u64),
        _ => read::rows_by_episode(store, uri).await.map(|rows| rows.iter().map(|(_, rows)| rows).sum()),
    };
    match counted {
        Ok(rows) if rows == recorded => None,
        Ok(rows) => Some(format!("`{uri}` has {rows} rows, not {recorded}")),
        Err(error) => Some(format!("`{uri}` cannot be read: {:#}", Error::from(error))),
    }
}
