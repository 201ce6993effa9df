use contracts::commands::RegisterModel;
use contracts::events::{BlobRef, ModelDeleted, ModelRegistered};
use contracts::{Event, FileId, RunId};
use domain::model::{Model, ModelCommand, decide, evolve};
use test_support::given;
use uuid::Uuid;

use crate::sample::{conflict, not_found};

const FILE: FileId = FileId(Uuid::from_u128(3));

fn register() -> RegisterModel {
    RegisterModel {
        file_id: FILE,
        original_filename: "night shift.safetensors".into(),
        blob: BlobRef { uri: "models/3.safetensors".into(), sha256: "0f".repeat(32), bytes: 10, rows: None },
        run_id: None,
        description: None,
        metadata: None,
    }
}

fn registered(file_id: FileId) -> Event {
    let RegisterModel { original_filename, blob, .. } = register();
    Event::ModelRegistered(Box::new(ModelRegistered {
        run_id: None,
        file_id,
        original_filename,
        blob,
        description: None,
        metadata: None,
    }))
}

fn deleted() -> Event {
    Event::ModelDeleted(ModelDeleted { file_id: FILE })
}

fn when(history: Vec<Event>, command: ModelCommand<'_>) -> test_support::Outcome<Event, contracts::Rejection> {
    let evolve = |model, event: &Event| evolve(model, FILE, event);
    given(evolve, history).when(|model: &Model| decide(model, FILE, &command))
}

fn wrong_fields(register: &RegisterModel, run_known: bool) -> Vec<String> {
    let rejection = decide(&Model::Absent, FILE, &ModelCommand::Register(register, run_known)).unwrap_err();
    rejection.0.into_iter().map(|reason| reason.field).collect()
}

#[test]
fn a_model_is_registered_once_and_deleted_once() {
    let register = register();
    let other = registered(FileId(Uuid::from_u128(4)));
    when(vec![other.clone()], ModelCommand::Register(&register, true)).then([registered(FILE)]);
    when(vec![other, registered(FILE)], ModelCommand::Delete).then([deleted()]);
    let twice = conflict(format!("file {FILE} was registered already"));
    when(vec![registered(FILE)], ModelCommand::Register(&register, true)).then_rejected(twice.clone());
    when(vec![registered(FILE), deleted()], ModelCommand::Register(&register, true)).then_rejected(twice);
    let gone = not_found("/file_id", format!("there is no model {FILE}"));
    when(vec![registered(FILE), deleted()], ModelCommand::Delete).then_rejected(gone);
}

#[test]
fn a_key_stays_below_the_store() {
    for uri in ["/etc/passwd", "models/../../x", "models//x", "s3://bucket/x", "models/x y", "."] {
        let mut register = register();
        register.blob.uri = uri.into();
        assert_eq!(wrong_fields(&register, true), ["/blob/uri"], "{uri}");
    }
}

#[test]
fn every_wrong_field_is_named() {
    let mut register = register();
    register.blob.sha256 = "G".repeat(64);
    register.run_id = Some(RunId(Uuid::from_u128(9)));
    register.original_filename = "a\u{7}b".into();
    register.metadata = Some([("notes".to_owned(), "x".repeat(20_000).into())].into_iter().collect());
    assert_eq!(wrong_fields(&register, false), ["/blob/sha256", "/run_id", "/original_filename", "/metadata"]);
}
