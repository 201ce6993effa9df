//! Terminal output: aligned tables, numbers for people, colours only on a terminal.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How often what turns moves on.
const SPINNING: Duration = Duration::from_millis(100);

/// Emphasis that disappears when it is not written to a terminal, or `NO_COLOR` is set and not empty
/// (<https://no-color.org>).
#[derive(Clone, Copy)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// For what is written to `stream`.
    pub fn of(stream: &impl IsTerminal) -> Self {
        Self { colours: stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A progress bar on standard error, if that is a terminal.
pub fn bar(template: &str, length: u64) -> Result<ProgressBar> {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template(template)?);
    Ok(bar)
}

/// The same for what has no known length.
pub fn spinner(template: &str) -> Result<ProgressBar> {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(ProgressStyle::with_template(&format!("{{spinner}} {template}"))?);
    spinner.enable_steady_tick(SPINNING);
    Ok(spinner)
}

/// Rows of cells, first column left-aligned, the others right-aligned; the first row is the heading.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
        if index == 0 {
            text.push_str(&"─".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1)));
            text.push('\n');
        }
    }
    text
}

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 MB`; decimal units.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `1:02:03` or `2:03`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!((bytes(999), bytes(1_500_000)), ("999 B".to_owned(), "1.5 MB".to_owned()));
        assert_eq!((duration(59.6), duration(3723.0)), ("1:00".to_owned(), "1:02:03".to_owned()));
    }

    #[test]
    fn what_goes_into_a_file_has_no_colours() {
        let file = std::fs::File::open("/dev/null").expect("a file");
        assert_eq!(Style::of(&file).red("DIFFERENT"), "DIFFERENT");
    }

    #[test]
    fn tables_align() {
        let rows = vec![vec!["agent".to_owned(), "threat".to_owned()], vec!["tour".to_owned(), "0.5".to_owned()]];
        assert_eq!(table(&rows), "agent  threat\n─────────────\ntour      0.5\n");
    }
}
