//! The settings that a sweep tries: named parameters, each with values or a range to draw from.

use anyhow::{Context, Result, bail, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

/// A point of the search space: values by field of the start command, in the order of the parameters.
pub type Settings = Vec<(String, Value)>;

/// More points than anybody means to try.
const MOST_POINTS: usize = 10_000;

/// A field of the start command and what it may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As in `--set`, e.g. `config.gamma`.
    pub field: String,
    pub values: Values,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Listed(Vec<Value>),
    /// Uniform, both ends included.
    Integers(u64, u64),
    /// Uniform.
    Numbers(f64, f64),
    /// Uniform in the logarithm.
    Logarithmic(f64, f64),
}

impl std::str::FromStr for Parameter {
    type Err = anyhow::Error;

    /// Reads `field=a,b,c`, `field=low..high` or `field=log:low..high`.
    fn from_str(text: &str) -> Result<Self> {
        let (field, values) = text.split_once('=').with_context(|| format!("`{text}` lacks `=`"))?;
        ensure!(!field.is_empty() && !values.is_empty(), "`{text}` needs a field and its values");
        Ok(Self { field: field.to_owned(), values: read_values(values).with_context(|| format!("`{text}`"))? })
    }
}

fn read_values(text: &str) -> Result<Values> {
    if let Some(range) = text.strip_prefix("log:") {
        let (low, high) = range.split_once("..").context("`log:` needs a range such as `log:1e-4..1e-2`")?;
        let (low, high): (f64, f64) = (low.parse()?, high.parse()?);
        ensure!(low > 0.0 && low < high && high.is_finite(), "a logarithmic range needs 0 < low < high");
        return Ok(Values::Logarithmic(low, high));
    }
    let Some((low, high)) = text.split_once("..") else {
        return Ok(Values::Listed(text.split(',').map(value).collect()));
    };
    if let (Ok(low), Ok(high)) = (low.parse::<u64>(), high.parse::<u64>()) {
        ensure!(low < high && high < u64::MAX, "a range needs low < high");
        return Ok(Values::Integers(low, high));
    }
    let (low, high): (f64, f64) = (low.parse()?, high.parse()?);
    ensure!(low < high && (high - low).is_finite(), "a range needs low < high");
    Ok(Values::Numbers(low, high))
}

/// JSON, or else a string.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Every combination of the listed values; the last parameter changes fastest.
///
/// # Errors
/// For a range, which has no finite number of values, and for more combinations than anybody means.
pub fn grid(parameters: &[Parameter]) -> Result<Vec<Settings>> {
    let mut points: Vec<Settings> = vec![Vec::new()];
    for parameter in parameters {
        let Values::Listed(values) = &parameter.values else {
            bail!("a grid needs the values of `{}` listed; a range is for a random search", parameter.field);
        };
        ensure!(points.len() * values.len() <= MOST_POINTS, "the grid has more than {MOST_POINTS} points");
        let extended = |point: &Settings, value: &Value| {
            let mut point = point.clone();
            point.push((parameter.field.clone(), value.clone()));
            point
        };
        points = points.iter().flat_map(|point| values.iter().map(|value| extended(point, value))).collect();
    }
    Ok(points)
}

/// The first `count` points of the random sequence `seed`: a longer search begins with the shorter one.
pub fn random(parameters: &[Parameter], count: usize, seed: u64) -> Vec<Settings> {
    let point = |index: usize| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64);
        parameters.iter().map(|parameter| (parameter.field.clone(), draw(&parameter.values, &mut random))).collect()
    };
    (0..count).map(point).collect()
}

fn draw(values: &Values, random: &mut ChaCha8Rng) -> Value {
    let share = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    match values {
        Values::Listed(values) => values[(share * values.len() as f64) as usize].clone(),
        Values::Integers(low, high) => json!((low + (share * (high - low + 1) as f64) as u64).min(*high)),
        Values::Numbers(low, high) => json!(significant(low + share * (high - low))),
        Values::Logarithmic(low, high) => json!(significant((low.ln() + share * (high.ln() - low.ln())).exp())),
    }
}

/// To four significant digits: what is shown is what is tried.
fn significant(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// `learning_rate=0.001 config.gamma=0.99`.
pub fn described(settings: &Settings) -> String {
    let pair = |(field, value): &(String, Value)| match value {
        Value::String(text) => format!("{field}={text}"),
        other => format!("{field}={other}"),
    };
    settings.iter().map(pair).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(texts: &[&str]) -> Vec<Parameter> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn a_grid_is_every_combination() {
        let points = grid(&parameters(&["learning_rate=1e-3,0.0003", "config.map_config.map_type=maze,cave"])).unwrap();
        let shown: Vec<String> = points.iter().map(described).collect();
        assert_eq!(shown.len(), 4);
        assert_eq!(shown[0], "learning_rate=0.001 config.map_config.map_type=maze");
        assert_eq!(shown[3], "learning_rate=0.0003 config.map_config.map_type=cave");
        assert!(grid(&parameters(&["config.gamma=0.9..0.99"])).is_err());
        let many = "x=".to_owned() + &["1"; 200].join(",");
        assert!(grid(&parameters(&[&many, &many])).is_err());
    }

    #[test]
    fn a_random_search_is_repeatable_extensible_and_within_its_ranges() {
        let space = parameters(&["a=2..5", "b=0.5..0.75", "c=log:1e-4..1e-2", "d=x,y"]);
        let points = random(&space, 400, 3);
        assert_eq!(points[..10], random(&space, 10, 3));
        assert_ne!(points[..10], random(&space, 10, 4));
        let column = |at: usize| points.iter().map(move |point| &point[at].1);
        for whole in 2..=5 {
            assert!(column(0).any(|value| *value == json!(whole)), "{whole} is drawn");
        }
        assert!(column(0).all(|value| value.as_u64().is_some_and(|value| (2..=5).contains(&value))));
        assert!(column(1).all(|value| value.as_f64().is_some_and(|value| (0.5..=0.75).contains(&value))));
        let small = column(2).filter(|value| value.as_f64() < Some(1e-3)).count();
        assert!((150..250).contains(&small), "half of the logarithms are below 1e-3, not {small} of 400");
        assert!(column(3).any(|value| value == "x") && column(3).any(|value| value == "y"));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for text in ["gamma", "=1", "gamma=", "gamma=2..1", "gamma=log:0..1", "gamma=log:1", "gamma=a..b"] {
            assert!(text.parse::<Parameter>().is_err(), "{text}");
        }
    }
}
