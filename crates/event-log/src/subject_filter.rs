//! NATS subject filters: `*` is one token, `>` is one or more at the end.

/// Whether `subject` is matched by `filter`.
pub fn subject_matches(filter: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for token in filter.split('.') {
        match (token, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (literal, Some(found)) if literal == found => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::subject_matches;

    #[test]
    fn wildcards_follow_the_server() {
        assert!(subject_matches("patrol.evt.run.a.>", "patrol.evt.run.a.started"));
        assert!(subject_matches("patrol.evt.*.a.>", "patrol.evt.training.a.x.y"));
        assert!(subject_matches("a.b", "a.b"));
        assert!(!subject_matches("a.>", "a"));
        assert!(!subject_matches("a.*", "a.b.c"));
        assert!(!subject_matches("a.b.c", "a.b"));
        assert!(!subject_matches("patrol.evt.run.b.>", "patrol.evt.run.a.started"));
    }
}
