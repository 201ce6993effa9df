use crate::world::{World, read};
use anyhow::{Context, Result};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn a_checkpoint_is_downloaded_and_uploaded_again() -> Result<()> {
    let world = World::with_trainer().await?;
    let body = json!({"name": "short", "algorithm": "ppo", "total_timesteps": 512, "num_envs": 2,
                      "config": {"rollout_length": 128}});
    let session = world.train(body).await?;
    let list = world.found(&format!("/api/v1/files/list?training_job_id={}", session["id"])).await?;
    let file = &list["files"][0];
    assert_eq!((&file["file_type"], &file["file_path"]), (&json!("checkpoint"), &session["model_path"]), "{list:#}");
    let download = format!("/api/v1/files/{}/download", file["id"]);
    let answer = world.request(Method::GET, &download).send().await?;
    let tag = answer.headers()["etag"].clone();
    assert_eq!(tag.to_str()?, format!("\"{}\"", file["sha256"].as_str().context("a digest")?));
    let bytes = answer.bytes().await?;
    assert_eq!(Some(bytes.len() as u64), file["file_size"].as_u64());
    let part = world.request(Method::GET, &download).header("range", "bytes=8-15").send().await?;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await?, bytes[8..16]);
    let beyond = world.request(Method::GET, &download).header("range", "bytes=999999999-").send().await?;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let known = world.request(Method::GET, &download).header("if-none-match", tag).send().await?;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(world.delete(&format!("/api/v1/files/{}", file["id"])).await?.0, StatusCode::CONFLICT);

    let upload = |bytes: Vec<u8>| {
        let part = Part::bytes(bytes).file_name("../../etc/passwd");
        world.request(Method::POST, "/api/v1/files/").multipart(Form::new().part("file", part)).send()
    };
    let (status, stored) = read(upload(bytes.to_vec()).await?).await?;
    assert_eq!((status, &stored["sha256"]), (StatusCode::CREATED, &file["sha256"]), "{stored:#}");
    let path = format!("/api/v1/files/{}", stored["id"]);
    let (status, deleted) = world.delete(&path).await?;
    assert_eq!((status, &deleted["id"]), (StatusCode::OK, &stored["id"]), "{deleted:#}");
    assert_eq!(world.get(&path).await?.0, StatusCode::NOT_FOUND);
    let (status, problem) = read(upload(bytes[..bytes.len() - 1].to_vec()).await?).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem:#}");
    Ok(())
}
