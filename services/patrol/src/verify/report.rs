//! What a verification found.

use serde::Serialize;
use serde_json::Value;

/// The worst of what the checks found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that was compared is bit for bit as recorded.
    Identical,
    /// Nothing could be compared.
    Unverifiable,
    /// Something is missing or not as recorded.
    Different,
}

/// One kind of thing that was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub check: &'static str,
    pub compared: u64,
    pub different: u64,
    /// What could not be compared here, and why.
    pub skipped: u64,
    /// One line per difference or reason, at most [`MOST_DETAILS`].
    pub details: Vec<String>,
}

/// More lines help nobody.
const MOST_DETAILS: usize = 20;

impl Check {
    pub fn new(check: &'static str) -> Self {
        Self { check, compared: 0, different: 0, skipped: 0, details: Vec::new() }
    }

    /// Notes one comparison: a line for each way in which it differs.
    pub fn note(&mut self, differences: Vec<String>) {
        self.compared += 1;
        self.different += u64::from(!differences.is_empty());
        differences.into_iter().for_each(|difference| self.detail(difference));
    }

    /// Notes what cannot be compared.
    pub fn skip(&mut self, reason: String) {
        self.skipped += 1;
        self.detail(reason);
    }

    fn detail(&mut self, line: String) {
        if self.details.len() < MOST_DETAILS && !self.details.contains(&line) {
            self.details.push(line);
        }
    }
}

/// All checks of one run or model.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was verified.
    pub subject: Value,
    pub verdict: Verdict,
    pub checks: Vec<Check>,
    /// What differs between then and now without being wrong: executable, processor.
    pub notes: Vec<String>,
}

impl Report {
    pub fn new(subject: Value, checks: Vec<Check>, notes: Vec<String>) -> Self {
        let verdict = match checks.iter().map(|check| check.different).sum::<u64>() {
            0 if checks.iter().all(|check| check.compared == 0) => Verdict::Unverifiable,
            0 => Verdict::Identical,
            _ => Verdict::Different,
        };
        Self { subject, verdict, checks, notes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_difference_is_enough_and_no_comparison_proves_nothing() {
        let verdict = |checks: &[Check]| Report::new(Value::Null, checks.to_vec(), Vec::new()).verdict;
        let mut skipped = Check::new("episodes");
        skipped.skip("not recorded".to_owned());
        assert_eq!(verdict(&[skipped.clone()]), Verdict::Unverifiable);
        let mut same = Check::new("files");
        same.note(Vec::new());
        assert_eq!(verdict(&[skipped.clone(), same.clone()]), Verdict::Identical);
        let mut other = same.clone();
        other.note(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!((other.compared, other.different, other.details.len()), (2, 1, 2));
        assert_eq!(verdict(&[same, other, skipped]), Verdict::Different);
    }
}
