//! `run_counts`: how many progress reports and episodes a run has, written with them in one statement.

/// A list of a run that grows without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Metrics,
    Episodes,
}

impl Counted {
    /// Its column.
    fn column(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Episodes => "episodes",
        }
    }

    /// `insert` that also counts the rows which were not there before.
    pub(crate) fn statement(self, insert: &str) -> String {
        let column = self.column();
        format!(
            "WITH added AS ({insert} RETURNING run_id) INSERT INTO run_counts AS counts (run_id, {column}) \
             SELECT run_id, count(*) FROM added GROUP BY run_id \
             ON CONFLICT (run_id) DO UPDATE SET {column} = counts.{column} + excluded.{column}"
        )
    }
}
