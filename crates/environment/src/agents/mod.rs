//! Scripted agents: what a learned policy has to beat.
//!
//! Each agent is a strategy that says where robots go; the pilot gets them there, keeps them out of each other's
//! way and takes them to charge.

pub(crate) mod adviser;
mod cover;
mod greedy;
mod horizontal_scan;
mod pilot;
mod pose_graph;
mod random_walk;
mod sebs;
mod spiral;
mod sweep;
mod tour;
mod traffic;
mod vertical_scan;

use crate::action::Action;
use crate::world::World;
use pilot::Pilot;
use std::str::FromStr;

/// Something that acts for all robots of one world.
pub trait Agent: Send {
    /// The name that figures are quoted under.
    fn name(&self) -> &'static str;

    /// A new episode starts in `world`. Agents forget everything, so an episode depends on its key alone.
    fn reset(&mut self, world: &World);

    /// Chooses an action for every robot; `actions` has one entry per robot.
    fn act(&mut self, world: &World, actions: &mut [Action]);
}

/// The scripted agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScriptedAgent {
    /// Random actions.
    RandomWalk,
    /// Row by row, there and back.
    HorizontalScan,
    /// Column by column, there and back.
    VerticalScan,
    /// Ring by ring to the middle and back.
    Spiral,
    /// Where most threat is cleared per step of travel.
    Greedy,
    /// The shortest closed tour over points that cover the floor: the reference for near-optimal.
    Tour,
    /// State exchange Bayesian strategy.
    Sebs,
}

impl ScriptedAgent {
    /// All scripted agents, in documentation order.
    pub const ALL: [ScriptedAgent; 7] = [
        ScriptedAgent::RandomWalk,
        ScriptedAgent::HorizontalScan,
        ScriptedAgent::VerticalScan,
        ScriptedAgent::Spiral,
        ScriptedAgent::Greedy,
        ScriptedAgent::Tour,
        ScriptedAgent::Sebs,
    ];

    /// The name used in commands, configuration and the archive.
    pub const fn name(self) -> &'static str {
        match self {
            ScriptedAgent::RandomWalk => "random_walk",
            ScriptedAgent::HorizontalScan => "horizontal_scan",
            ScriptedAgent::VerticalScan => "vertical_scan",
            ScriptedAgent::Spiral => "spiral",
            ScriptedAgent::Greedy => "greedy",
            ScriptedAgent::Tour => "tour",
            ScriptedAgent::Sebs => "sebs",
        }
    }

    /// One sentence for people who choose.
    pub const fn description(self) -> &'static str {
        match self {
            ScriptedAgent::RandomWalk => "Chooses every action at random",
            ScriptedAgent::HorizontalScan => "Scans row by row, there and back",
            ScriptedAgent::VerticalScan => "Scans column by column, there and back",
            ScriptedAgent::Spiral => "Walks ring by ring to the middle and back",
            ScriptedAgent::Greedy => "Goes where most threat is cleared per step of travel",
            ScriptedAgent::Tour => "Walks the shortest closed tour that covers the floor",
            ScriptedAgent::Sebs => "Chooses among neighbouring points by idleness and team mates' intentions",
        }
    }

    /// A new agent; [`Agent::reset`] must be called before the first action.
    pub fn build(self) -> Box<dyn Agent> {
        match self {
            ScriptedAgent::RandomWalk => Box::new(Pilot::new(random_walk::RandomWalk::default())),
            ScriptedAgent::HorizontalScan => Box::new(Pilot::new(horizontal_scan::strategy())),
            ScriptedAgent::VerticalScan => Box::new(Pilot::new(vertical_scan::strategy())),
            ScriptedAgent::Spiral => Box::new(Pilot::new(spiral::strategy())),
            ScriptedAgent::Greedy => Box::new(Pilot::new(greedy::Greedy::default())),
            ScriptedAgent::Tour => Box::new(Pilot::new(tour::Tour::default())),
            ScriptedAgent::Sebs => Box::new(Pilot::new(sebs::Sebs::default())),
        }
    }
}

/// The name is none of [`ScriptedAgent::ALL`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scripted agent {name:?}; choose one of {}", ScriptedAgent::ALL.map(ScriptedAgent::name).join(", "))]
pub struct UnknownAgent {
    /// What was asked for.
    pub name: String,
}

impl FromStr for ScriptedAgent {
    type Err = UnknownAgent;

    fn from_str(name: &str) -> Result<Self, UnknownAgent> {
        let found = ScriptedAgent::ALL.into_iter().find(|agent| agent.name() == name);
        found.ok_or_else(|| UnknownAgent { name: name.to_owned() })
    }
}
