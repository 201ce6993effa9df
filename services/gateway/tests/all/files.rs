use crate::shapes::{self, conforms};
use crate::world::{PATIENCE, World, read};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use reqwest::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use test_support::wait_for;
use trajectories::ObjectStore;
use uuid::Uuid;

/// A run that is over before anybody looks.
fn short() -> Value {
    json!({"name": "short", "algorithm": "ppo", "total_timesteps": 512, "num_envs": 2,
           "config": {"rollout_length": 128, "max_steps": 60, "evaluation_episodes": 2}})
}

async fn checkpoint(world: &World, session: &Value) -> Result<(Value, Bytes)> {
    let list = world.found(&format!("/api/v1/files/list?training_job_id={}", session["id"])).await?;
    let file = list["files"][0].clone();
    let download = format!("/api/v1/files/{}/download", file["id"]);
    let bytes = world.request(Method::GET, &download).send().await?.bytes().await?;
    Ok((file, bytes))
}

async fn upload(world: &World, bytes: Vec<u8>) -> Result<(StatusCode, Value)> {
    let part = Part::bytes(bytes).file_name("../../etc/passwd");
    read(world.request(Method::POST, "/api/v1/files/").multipart(Form::new().part("file", part)).send().await?).await
}

#[tokio::test]
async fn a_checkpoint_is_downloaded_in_whole_and_in_parts() -> Result<()> {
    let world = World::with_trainer().await?;
    let session = world.train(short()).await?;
    let (file, bytes) = checkpoint(&world, &session).await?;
    assert_eq!((&file["file_type"], &file["file_path"]), (&json!("checkpoint"), &session["model_path"]), "{file:#}");
    assert_eq!(Some(bytes.len() as u64), file["file_size"].as_u64());
    let download = format!("/api/v1/files/{}/download", file["id"]);
    let whole = world.request(Method::GET, &download).send().await?;
    let header = |name: &reqwest::header::HeaderName| whole.headers()[name].to_str().unwrap_or_default().to_owned();
    let tag = header(&ETAG);
    assert_eq!(tag, format!("\"{}\"", file["sha256"].as_str().context("a digest")?));
    assert_eq!(header(&ACCEPT_RANGES), "bytes");
    let name = format!("attachment; filename=\"{}\"", file["filename"].as_str().context("a name")?);
    assert_eq!(header(&CONTENT_DISPOSITION), name);

    let size = bytes.len();
    for (range, expected) in [
        ("bytes=8-15".to_owned(), 8..16),
        ("bytes=-5".to_owned(), size - 5..size),
        (format!("bytes={}-", size - 3), size - 3..size),
        ("bytes=0-999999999".to_owned(), 0..size),
    ] {
        let part =
            world.request(Method::GET, &download).header("range", &range).header("if-range", &tag).send().await?;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let place = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(part.headers()[CONTENT_RANGE], place.as_str());
        assert_eq!(part.bytes().await?, bytes[expected]);
    }
    for range in ["bytes=999999999-", "bytes=-0", "bytes=5-2", "bytes=x"] {
        let answer = world.request(Method::GET, &download).header("range", range).send().await?;
        assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(answer.headers()[CONTENT_RANGE], format!("bytes */{size}").as_str());
    }
    for (name, value, status) in [
        ("if-range", "\"another\"", StatusCode::OK),
        ("if-none-match", tag.as_str(), StatusCode::NOT_MODIFIED),
        ("if-none-match", "*", StatusCode::NOT_MODIFIED),
        ("if-none-match", "\"another\"", StatusCode::PARTIAL_CONTENT),
    ] {
        let asked = world.request(Method::GET, &download).header("range", "bytes=0-1").header(name, value);
        let answer = asked.send().await?;
        assert_eq!((answer.status(), answer.headers()[ETAG].to_str()?), (status, tag.as_str()), "{name}: {value}");
    }
    let head = world.request(Method::HEAD, &download).send().await?;
    assert_eq!((head.status(), head.headers()[CONTENT_LENGTH].to_str()?), (StatusCode::OK, size.to_string().as_str()));
    assert_eq!(world.delete(&format!("/api/v1/files/{}", file["id"])).await?.0, StatusCode::CONFLICT);
    Ok(())
}

#[tokio::test]
async fn an_uploaded_policy_is_evaluated_replayed_and_resumed_from() -> Result<()> {
    let world = World::with_evaluator().await?;
    let session = world.train(short()).await?;
    let (file, bytes) = checkpoint(&world, &session).await?;
    let (status, stored) = upload(&world, bytes.to_vec()).await?;
    assert_eq!((status, &stored["sha256"]), (StatusCode::CREATED, &file["sha256"]), "{stored:#}");
    // The name of the client is shown, and names no file.
    assert_eq!(stored["original_filename"], "../../etc/passwd");
    assert!(stored["file_path"].as_str().is_some_and(|path| path.starts_with("models/")), "{stored:#}");

    // Evaluated in the session's world, it scores as the checkpoint that it is a copy of.
    let evaluations = format!("/api/v1/training/{}/evaluations", session["id"]);
    let asked = json!({"checkpoint_id": stored["file_id"], "episodes": 2});
    let (status, asked) = world.post(&evaluations, asked).await?;
    ensure!(status == StatusCode::ACCEPTED, "{asked:#}");
    let list = wait_for("both evaluations", PATIENCE, async || match world.found(&evaluations).await {
        Ok(list) if completed(&list) == 2 => Ok(list),
        Ok(list) => Err(format!("{list:#}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await?;
    let list = list["evaluations"].as_array().context("a list")?;
    let of = |id: &Value| list.iter().find(|evaluation| evaluation["checkpoint_id"] == *id).context("an evaluation");
    let (model, original) = (of(&stored["file_id"])?, of(&file["file_id"])?);
    assert_eq!(model["evaluation_id"], asked["evaluation_id"]);
    assert_eq!((&model["sampled"], &model["argmax"]), (&original["sampled"], &original["argmax"]));

    // Replayed: two times two episodes of both evaluations are in the archive.
    let frames = format!("/api/v1/playback/{}/frames?split=eval&page_size=1000", session["id"]);
    let frames = wait_for("evaluation episodes", PATIENCE, async || match world.found(&frames).await {
        Ok(page) if page["total"] == 2 * 4 * 60 => Ok(page),
        Ok(page) => Err(page["total"].to_string()),
        Err(error) => Err(format!("{error:#}")),
    })
    .await?;
    let list = frames["frames"].as_array().context("a list")?;
    // Requested evaluations are numbered from 2^40: their frames must still differ where numbers are doubles.
    list.iter().try_for_each(|frame| conforms(frame, shapes::FRAME))?;
    let ids: BTreeSet<u64> = list.iter().filter_map(|frame| frame["id"].as_f64()).map(f64::to_bits).collect();
    assert!(ids.len() == 480 && list[479]["episode"].as_u64() > Some(1 << 40), "{:.200}", list[479]);
    let way = |frames: &[Value]| frames.iter().map(|frame| frame["threat_grid"].clone()).collect::<Vec<_>>();
    assert_eq!(way(&list[..240]), way(&list[240..]));

    // Resumed from.
    let mut body = short();
    body["init_from"] = stored["file_id"].clone();
    let resumed = world.train(body).await?;
    assert_eq!((&resumed["status"], &resumed["current_timestep"]), (&json!("completed"), &json!(512)));

    let path = format!("/api/v1/files/{}", stored["id"]);
    let (status, deleted) = world.delete(&path).await?;
    assert_eq!((status, &deleted["id"]), (StatusCode::OK, &stored["id"]), "{deleted:#}");
    assert_eq!(world.get(&path).await?.0, StatusCode::NOT_FOUND);
    let gone = json!({"checkpoint_id": stored["file_id"]});
    let (status, problem) = world.post(&evaluations, gone).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem:#}");
    let mut body = short();
    body["init_from"] = stored["file_id"].clone();
    let (status, problem) = world.post("/api/v1/training/start", body).await?;
    assert_eq!((status, &problem["detail"][0]["loc"][1]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("init_from")));
    Ok(())
}

fn completed(list: &Value) -> usize {
    let evaluations = list["evaluations"].as_array().into_iter().flatten();
    evaluations.filter(|evaluation| evaluation["status"] == "completed").count()
}

#[tokio::test]
async fn what_is_no_policy_is_not_kept() -> Result<()> {
    let world = World::with_trainer().await?;
    let session = world.train(short()).await?;
    let (_, bytes) = checkpoint(&world, &session).await?;
    let mut infinite = bytes.to_vec();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    let mut longer = bytes.to_vec();
    longer.extend_from_slice(&[0; 64]);
    // A header that promises more than there is.
    let mut greedy = bytes.to_vec();
    greedy[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let tensors = br#"{"hidden1.weight":{"dtype":"F32","shape":[1,8],"data_offsets":[0,32]}}"#;
    let stranger = [&(tensors.len() as u64).to_le_bytes()[..], tensors, &[0; 32]].concat();
    for (what, bytes) in [
        ("a cut file", bytes[..end - 1].to_vec()),
        ("an infinite weight", infinite),
        ("a longer file", longer),
        ("a greedy header", greedy),
        ("other tensors", stranger),
        ("nothing", Vec::new()),
        ("text", b"PK\x03\x04 not a policy".to_vec()),
    ] {
        let (status, problem) = upload(&world, bytes).await?;
        assert_eq!(
            (status, &problem["detail"][0]["loc"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(["body", "file"])),
            "{what}"
        );
        let message = problem["detail"][0]["msg"].as_str().context("a sentence")?;
        assert_ne!(message, "is not a policy: the policy cannot be read", "{what}: why not?");
    }
    let empty = world.request(Method::POST, "/api/v1/files/").multipart(Form::new().text("x", "y")).send().await?;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let (status, _) = upload(&world, vec![0; 65 << 20]).await?;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let list = world.found("/api/v1/files/list").await?;
    assert!(list["files"].as_array().context("a list")?.iter().all(|file| file["file_type"] == "checkpoint"));
    Ok(())
}

#[tokio::test]
async fn a_key_is_for_one_upload_and_nothing_overwrites_a_file() -> Result<()> {
    let world = World::with_trainer().await?;
    let session = world.train(short()).await?;
    let (_, one) = checkpoint(&world, &session).await?;
    let mut other = one.to_vec();
    let end = other.len();
    other[end - 4..].copy_from_slice(&0.125_f32.to_le_bytes());
    for key in ["my upload", "0190a1b2-0000-7000-8000-00000000beef"] {
        let upload = async |bytes: &[u8]| {
            let form = Form::new().part("file", Part::bytes(bytes.to_vec()).file_name("policy"));
            let request = world.request(Method::POST, "/api/v1/files/").header("idempotency-key", key);
            read(request.multipart(form).send().await?).await
        };
        let (status, stored) = upload(&one).await?;
        assert_eq!(status, StatusCode::CREATED, "{stored:#}");
        let (status, refused) = upload(&other).await?;
        assert_eq!(status, StatusCode::CONFLICT, "{refused:#}");
        assert!(refused["detail"].as_str().is_some_and(|it| it.contains("another request")), "{refused:#}");
        assert_eq!(upload(&one).await?, (StatusCode::CREATED, stored.clone()));
        let download = format!("/api/v1/files/{}/download", stored["id"]);
        assert_eq!(world.request(Method::GET, &download).send().await?.bytes().await?, one);
    }
    Ok(())
}

#[tokio::test]
async fn files_that_were_registered_without_their_bytes_say_so() -> Result<()> {
    let world = World::start().await?;
    let register = async |id: u128, uri: &str, bytes: usize| {
        let blob = json!({"uri": uri, "sha256": "0".repeat(64), "bytes": bytes});
        let body = json!({"file_id": Uuid::from_u128(id), "original_filename": "policy", "blob": blob});
        let (status, report) = world.post("/api/v1/commands/archive/register_model?wait=true", body).await?;
        ensure!(status == StatusCode::ACCEPTED && report["status"] == "done", "{report:#}");
        report["outcomes"][0]["sequence"].as_i64().context("a number")
    };
    let absent = register(1, "models/none.safetensors", 8).await?;
    let store = ObjectStore::open(world.store_url())?;
    store.put("models/other.safetensors", Bytes::from_static(b"12345678")).await?;
    let different = register(2, "models/other.safetensors", 8).await?;
    let longer = register(3, "models/other.safetensors", 800).await?;
    for (number, range, status) in [
        (absent, None, StatusCode::NOT_FOUND),
        (absent, Some("bytes=0-3"), StatusCode::NOT_FOUND),
        (different, None, StatusCode::CONFLICT),
        (longer, Some("bytes=700-703"), StatusCode::CONFLICT),
    ] {
        for query in ["", "?format=onnx"] {
            let download = format!("/api/v1/files/{number}/download{query}");
            let mut request = world.request(Method::GET, &download);
            if let Some(range) = range.filter(|_| query.is_empty()) {
                request = request.header("range", range);
            }
            let (found, problem) = read(request.send().await?).await?;
            assert_eq!(found, status, "{download}: {problem:#}");
        }
    }
    Ok(())
}
