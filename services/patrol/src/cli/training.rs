//! What a run trains, as `demo`, `run start` and others ask for it.

use clap::{Args, ValueEnum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlgorithmName {
    Ppo,
    A3c,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MapName {
    Random,
    Maze,
    Room,
    Cave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorldsName {
    /// In the world that the other options describe.
    Fixed,
    /// In worlds and teams of every kind and size; the other options describe the world of the evaluations.
    Universal,
}

/// The world and the amount of training; shared by `demo` and `run start`.
#[derive(Clone, Debug, Args)]
pub struct TrainingArgs {
    /// Number of robots, 1 to 10.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub robots: u32,
    /// Width and height of the grid, 3 to 50: `20` or `30x12`.
    #[arg(long, default_value = "20", value_name = "N|WxH")]
    pub size: Size,
    /// Kind of map.
    #[arg(long, value_enum, default_value_t = MapName::Random)]
    pub map: MapName,
    /// Which worlds to train in.
    #[arg(long, value_enum, default_value_t = WorldsName::Fixed)]
    pub worlds: WorldsName,
    /// Environment steps to train for.
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Source of all randomness.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Learning algorithm.
    #[arg(long, value_enum, default_value_t = AlgorithmName::Ppo)]
    pub algorithm: AlgorithmName,
}

impl Default for TrainingArgs {
    fn default() -> Self {
        let size = Size { width: 20, height: 20 };
        let (map, worlds, algorithm) = (MapName::Random, WorldsName::Fixed, AlgorithmName::Ppo);
        Self { robots: 1, size, map, worlds, steps: None, seed: None, algorithm }
    }
}

/// Width and height in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = text.split_once('x').unwrap_or((text, text));
        let side = |text: &str| text.parse::<u32>().ok().filter(|side| (3..=50).contains(side));
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Self { width, height }),
            _ => Err("give a number from 3 to 50, or two as in `30x12`".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_square_or_not_and_bounded() {
        assert_eq!("20".parse(), Ok(Size { width: 20, height: 20 }));
        assert_eq!("30x12".parse(), Ok(Size { width: 30, height: 12 }));
        assert!("2".parse::<Size>().is_err() && "51x3".parse::<Size>().is_err() && "x".parse::<Size>().is_err());
    }
}
