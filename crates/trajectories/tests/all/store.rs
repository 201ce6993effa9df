//! The object store on real files and on one that speaks S3.

use anyhow::Result;
use bytes::Bytes;
use test_support::TestS3;
use trajectories::ObjectStore;
use trajectories::store::sha256;

#[tokio::test]
async fn files_are_put_read_listed_and_deleted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = ObjectStore::open(&format!("file://{}/a/b", folder.path().display()))?;
    objects_are_put_read_listed_and_deleted(&store).await?;
    assert_eq!(std::fs::read(folder.path().join("a/b/x/a.bin"))?, b"");
    Ok(())
}

#[tokio::test]
async fn objects_of_s3_are_put_read_listed_and_deleted() -> Result<()> {
    let s3 = TestS3::start().await?;
    let open = |bucket: &str| {
        let variables = s3.variables().map(|(name, value)| (name.to_owned(), value));
        ObjectStore::open_with(&format!("s3://{bucket}"), variables)
    };
    let (whole, part) = (open(TestS3::BUCKET)?, open(&format!("{}/a/b", TestS3::BUCKET))?);
    objects_are_put_read_listed_and_deleted(&part).await?;
    assert_eq!(whole.list("a").await?, ["a/b/x/a.bin"]);
    let error = open("no-such-bucket")?.put("x", Bytes::new()).await.unwrap_err().to_string();
    assert!(error.starts_with("the object store could not write `x`: "), "{error}");
    assert!(error.ends_with("404 Not Found: The specified bucket does not exist"), "{error}");
    Ok(())
}

async fn objects_are_put_read_listed_and_deleted(store: &ObjectStore) -> Result<()> {
    let stored = store.put("x/y.bin", Bytes::from_static(b"hello world")).await?;
    assert_eq!((stored.bytes, stored.sha256), (11, sha256(b"hello world")));
    store.put("x/y.bin", Bytes::from_static(b"HELLO world")).await?;
    store.put("x/a.bin", Bytes::new()).await?;
    assert_eq!(store.get("x/y.bin").await?, "HELLO world");
    assert_eq!(store.get_range("x/y.bin", 6..11).await?, "world");
    assert_eq!(store.get_ranges("x/y.bin", &[0..1, 10..11]).await?, ["H", "d"]);
    assert_eq!(store.list("x").await?, ["x/a.bin", "x/y.bin"]);
    assert_eq!((store.size("x/y.bin").await?, store.size("x/none").await?), (Some(11), None));
    store.delete("x/y.bin").await?;
    store.delete("x/y.bin").await?;
    assert!(store.get("x/y.bin").await.is_err_and(|error| error.is_not_found()));
    Ok(())
}

#[tokio::test]
async fn no_key_leaves_the_root() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("secret"), "s")?;
    let store = ObjectStore::local(&folder.path().join("root"))?;
    for key in ["../secret", "/etc/passwd", "a/../../secret", ""] {
        assert!(store.get(key).await.is_err(), "{key}");
        assert!(store.put(key, Bytes::new()).await.is_err(), "{key}");
        assert!(store.delete(key).await.is_err(), "{key}");
    }
    assert_eq!(std::fs::read(folder.path().join("secret"))?, b"s");
    Ok(())
}
