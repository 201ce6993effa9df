use service_runtime::{EnvironmentReader, Secret};
use std::net::SocketAddr;

#[test]
fn every_mistake_is_told_in_one_go() {
    let mut reader = EnvironmentReader::from_pairs([("PORT", "many"), ("BIND", "nowhere"), ("GOOD", "7")]);
    assert_eq!(reader.optional::<u16>("PORT"), None);
    let bind: SocketAddr = reader.or_default("BIND", "127.0.0.1:8000");
    assert_eq!(bind.port(), 8000);
    assert_eq!(reader.or_default::<u8>("GOOD", "1"), 7);
    assert_eq!(reader.required::<String>("NATS_URL", "the address of a NATS server"), None);
    let error = reader.finish().expect_err("three mistakes");
    assert_eq!(error.mistakes.len(), 3);
    let text = error.to_string();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("PORT: `many` cannot be used: invalid digit"), "{text}");
    assert!(text.contains("NATS_URL is not set: set it to the address of a NATS server"), "{text}");
}

#[test]
fn an_empty_variable_is_absent_and_a_good_configuration_has_no_mistakes() {
    let mut reader = EnvironmentReader::from_pairs([("EMPTY", "")]);
    assert_eq!(reader.optional::<u16>("EMPTY"), None);
    assert_eq!(reader.or_default::<u16>("EMPTY", "3"), 3);
    reader.set_default("EMPTY", "4");
    reader.set_default("EMPTY", "5");
    assert_eq!(reader.optional::<u16>("EMPTY"), Some(4));
    assert!(reader.finish().is_ok());
}

#[test]
fn a_secret_does_not_show() {
    let mut reader = EnvironmentReader::from_pairs([("GATEWAY_TOKEN", "opensesame")]);
    let secret = reader.secret("GATEWAY_TOKEN");
    assert_eq!(secret.as_ref().map(Secret::expose), Some("opensesame"));
    assert!(!format!("{secret:?}").contains("opensesame"));
}

#[test]
fn a_mistake_in_a_url_does_not_show_its_password() {
    let mut reader = EnvironmentReader::from_pairs([("DATABASE_URL", "postgres://me:hush@db:5432/x")]);
    assert!(!format!("{reader:?}").contains("hush"));
    assert_eq!(reader.optional::<SocketAddr>("DATABASE_URL"), None);
    let text = reader.finish().expect_err("no socket address").to_string();
    assert!(text.contains("postgres://me:…@db:5432/x") && !text.contains("hush"), "{text}");
}
