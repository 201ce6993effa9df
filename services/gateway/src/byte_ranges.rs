//! Conditional and partial downloads (RFC 9110, sections 13 and 14).

use axum::http::{HeaderMap, header};
use std::ops::Range;

/// What a request wants of a file that never changes under its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Everything,
    /// Never empty, and within the file.
    Part(Range<u64>),
    /// The client has it already.
    Nothing,
    /// A range that cannot be read or lies outside.
    Unsatisfiable,
}

/// What `headers` ask of a file with `bytes` bytes and the entity tag `tag`, quotes included.
pub fn wanted(headers: &HeaderMap, tag: &str, bytes: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|tags| matches_any(tags, tag)) {
        return Wanted::Nothing;
    }
    // A part is only of use to a client whose other parts are of the same file.
    if text(header::IF_RANGE).is_some_and(|validator| validator.trim() != tag) {
        return Wanted::Everything;
    }
    text(header::RANGE).map_or(Wanted::Everything, |range| part(range, bytes))
}

/// Weak comparison, as `If-None-Match` wants it.
fn matches_any(tags: &str, tag: &str) -> bool {
    let mut tags = tags.split(',').map(str::trim);
    tags.any(|found| found == "*" || found.strip_prefix("W/").unwrap_or(found) == tag)
}

/// Several ranges and other units may be ignored, and are.
fn part(header: &str, bytes: u64) -> Wanted {
    let Some((unit, ranges)) = header.split_once('=') else { return Wanted::Unsatisfiable };
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return Wanted::Everything;
    }
    match single_range(ranges, bytes) {
        Some(range) if !range.is_empty() => Wanted::Part(range),
        _ => Wanted::Unsatisfiable,
    }
}

/// `None` for what is no range at all.
fn single_range(range: &str, bytes: u64) -> Option<Range<u64>> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let (first, last) = range.trim().split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", suffix) => Some(bytes.saturating_sub(number(suffix)?)..bytes),
        (first, "") => Some(number(first)?..bytes),
        (first, last) => {
            let (first, last): (u64, u64) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const TAG: &str = "\"abc\"";

    fn asked(pairs: &[(header::HeaderName, &'static str)]) -> Wanted {
        let headers = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        wanted(&headers, TAG, 10)
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (header, range) in [
            ("bytes=0-3", 0..4),
            ("bytes=4-", 4..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("bytes=8-100", 8..10),
            ("Bytes=9-9", 9..10),
        ] {
            assert_eq!(part(header, 10), Wanted::Part(range), "{header}");
        }
        for header in ["bytes=10-", "bytes=5-2", "bytes=-0", "bytes=-", "bytes=x-3", "bytes=+1-3", "bytes=0", "bytes"] {
            assert_eq!(part(header, 10), Wanted::Unsatisfiable, "{header}");
        }
        for header in ["lines=0-3", "bytes=0-1,4-5"] {
            assert_eq!(part(header, 10), Wanted::Everything, "{header}");
        }
        assert_eq!(part("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn conditions_come_before_ranges() {
        assert_eq!(asked(&[]), Wanted::Everything);
        for tags in [TAG, "\"x\", W/\"abc\"", "*"] {
            assert_eq!(
                asked(&[(header::IF_NONE_MATCH, tags), (header::RANGE, "bytes=0-1")]),
                Wanted::Nothing,
                "{tags}"
            );
        }
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "\"x\""), (header::RANGE, "bytes=0-1")]), Wanted::Part(0..2));
        assert_eq!(asked(&[(header::IF_RANGE, TAG), (header::RANGE, "bytes=0-1")]), Wanted::Part(0..2));
        for validator in ["\"x\"", "W/\"abc\"", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            let answer = asked(&[(header::IF_RANGE, validator), (header::RANGE, "bytes=0-1")]);
            assert_eq!(answer, Wanted::Everything, "{validator}");
        }
    }
}
